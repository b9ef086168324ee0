#include "cli/run.h"

int main(int argc, char** argv) {
  return recast::cli::run(std::vector<std::string>(argv + (argc > 0), argv + argc),
                          recast::cli::process_streams());
}
