// The store of Ollama:
//
//   manifests/registry.ollama.ai/library/NAME/TAG   names the blobs and what each is
//   blobs/sha256-HEX                                config, weights, template, license, params
//
// Source: ollama/ollama, its manifests and the media types of its layers.
#include <fmt/format.h>

#include <algorithm>

#include "base/shell_quote.h"
#include "convert/describe.h"
#include "convert/folder_form.h"
#include "convert/modelfile.h"
#include "model/model_name.h"

namespace recast {

namespace {

struct Blob {
  std::string_view media_type;
  std::string sha256;
  uint64_t bytes;
};

json::Value descriptor(const Blob& blob) {
  return object({{"mediaType", blob.media_type},
                 {"digest", fmt::format("sha256:{}", blob.sha256)},
                 {"size", blob.bytes}});
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string name_of(const Plan& plan) { return lower(model_component(plan)); }

std::string tag_of(const Plan& plan) {
  const std::string tag = lower(path_component(plan.target.type));
  return tag.empty() ? "latest" : tag;
}

std::string parameters_text(const OllamaSetup& setup) {
  json::Array stops;
  json::Value out{json::Object{}};
  for (const auto& [name, value] : setup.parameters) {
    if (name == "stop")
      stops.push_back(value);
    else
      out.set(name, value);
  }
  if (!stops.empty()) out.set("stop", std::move(stops));
  return out.as_object()->empty() ? "" : json::write(out);
}

std::string config_text(const Plan& plan, const std::vector<Blob>& layers) {
  const std::string family = general_text(plan, "general.architecture");
  std::string size = general_text(plan, "general.size_label");
  if (size.empty()) size = size_label(count_parameters(plan.target.checkpoint.tensors));
  json::Array digests;
  for (const Blob& layer : layers) digests.emplace_back(fmt::format("sha256:{}", layer.sha256));
  return json::write(object(
      {{"model_format", "gguf"},
       {"model_family", family},
       {"model_families", json::Array{json::Value(family)}},
       {"model_type", size},
       {"file_type", plan.target.type},
       {"architecture", "amd64"},
       {"os", "linux"},
       {"rootfs", object({{"type", "layers"}, {"diff_ids", std::move(digests)}})}}));
}

FormContent content(const Plan& plan, std::span<const FormFile> files,
                    std::vector<Finding>& warnings) {
  const OllamaSetup setup = ollama_setup(plan, warnings);
  FormContent out;
  std::vector<Blob> layers{
      {"application/vnd.ollama.image.model", files[0].sha256, files[0].bytes}};
  out.names.push_back(blob_name("-", files[0].sha256));
  const auto add = [&](std::string_view media_type, const std::string& text) {
    const std::string sha = sha256_of(text);
    layers.push_back({media_type, sha, text.size()});
    const std::string name = blob_name("-", sha);
    for (const auto& [known, content] : out.documents)
      if (known == name) return;
    out.documents.emplace_back(name, text);
  };
  if (!setup.chat_template.empty())
    add("application/vnd.ollama.image.template", setup.chat_template);
  if (!setup.license.empty()) add("application/vnd.ollama.image.license", setup.license);
  if (const std::string text = parameters_text(setup); !text.empty())
    add("application/vnd.ollama.image.params", text);
  const std::string config = config_text(plan, layers);
  const Blob blob{"application/vnd.docker.container.image.v1+json", sha256_of(config),
                  config.size()};
  out.documents.emplace_back(blob_name("-", blob.sha256), config);
  json::Array list;
  for (const Blob& layer : layers) list.push_back(descriptor(layer));
  const std::string manifest = json::write(
      object({{"schemaVersion", 2},
              {"mediaType", "application/vnd.docker.distribution.manifest.v2+json"},
              {"config", descriptor(blob)},
              {"layers", std::move(list)}}));
  out.documents.emplace_back(
      fmt::format("manifests/registry.ollama.ai/library/{}/{}", name_of(plan), tag_of(plan)),
      manifest);
  return out;
}

std::string note(const Plan& plan) {
  return fmt::format("to run it: OLLAMA_MODELS={} ollama serve, then ollama run {}:{}",
                     shell_quoted(plan.paths.front()), name_of(plan), tag_of(plan));
}

}  // namespace

const FolderForm ollama_form = {.name = "ollama",
                                .format = "gguf",
                                .one_file = true,
                                .holds_setup = true,
                                .content = content,
                                .note = note};

}  // namespace recast
