// LM Studio finds models two folders deep: PUBLISHER/MODEL/FILE.gguf beneath its models folder.
// Source: LM Studio, documentation of importing models.
#include <fmt/format.h>

#include "convert/folder_form.h"

namespace recast {

namespace {

std::string folder(const Plan& plan) {
  for (const std::string_view key :
       {"general.organization", "general.author", "general.base_model.0.organization"})
    if (const std::string publisher = path_component(general_text(plan, key)); !publisher.empty())
      return fmt::format("{}/{}", publisher, model_component(plan));
  fail(codes::layout_publisher, {.where = "--layout lmstudio",
                                 .expected = "general.organization or general.author",
                                 .file = plan.request.options.source});
}

}  // namespace

const FolderForm lmstudio_form = {.name = "lmstudio",
                                  .format = "gguf",
                                  .one_file = false,
                                  .holds_setup = false,
                                  .folder = folder};

}  // namespace recast
