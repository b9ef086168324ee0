#pragma once

#include <string>
#include <string_view>

namespace recast {

// Names of what an output keeps beside itself while it is written, all in the target folder and all
// at most 255 bytes long: a long NAME is cut and gets a hash of the whole instead.
//   .NAME.lock  .NAME.journal  .NAME.part-PID-RANDOM  .NAME.old-PID-RANDOM
std::string lock_name(std::string_view name);
std::string journal_name(std::string_view name);
std::string new_part_name(std::string_view name);
// Where an old folder waits while a file system that cannot exchange names puts the new one there.
std::string new_old_name(std::string_view name);
bool is_part_name(std::string_view candidate, std::string_view name);
bool is_old_name(std::string_view candidate, std::string_view name);

}  // namespace recast
