// An OCI image layout with one model artifact:
//
//   oci-layout            the version of the layout
//   index.json            names the manifest
//   blobs/sha256/HEX      manifest, config, and every file of the model as one layer, not packed
//
// Source: opencontainers/image-spec, image-layout.md; modelpack/model-spec, specs-go/v1 and
// schema/config-schema.json.
#include <fmt/format.h>

#include <algorithm>

#include "convert/describe.h"
#include "convert/folder_form.h"

namespace recast {

namespace {

constexpr std::string_view artifact_type = "application/vnd.cncf.model.manifest.v1+json";
constexpr std::string_view manifest_type = "application/vnd.oci.image.manifest.v1+json";

json::Value descriptor(std::string_view media_type, std::string_view sha256, uint64_t bytes) {
  return object({{"mediaType", media_type},
                 {"digest", fmt::format("sha256:{}", sha256)},
                 {"size", bytes}});
}

bool holds_weights(const Plan& plan, size_t file) {
  return std::any_of(plan.items.begin(), plan.items.end(), [&](const PlanItem& item) {
    return item.file == file && item.tensor >= 0;
  });
}

bool is_document(std::string_view name) {
  return name.ends_with(".md") || name.ends_with(".txt") || name == "Modelfile" ||
         name.starts_with("LICENSE") || name.starts_with("LICENCE");
}

std::string_view media_type(const Plan& plan, size_t file) {
  if (holds_weights(plan, file)) return "application/vnd.cncf.model.weight.v1.raw";
  if (is_document(plan.layout.files[file].name)) return "application/vnd.cncf.model.doc.v1.raw";
  return "application/vnd.cncf.model.weight.config.v1.raw";
}

std::string config_text(const Plan& plan, std::span<const FormFile> files) {
  json::Value about{json::Object{}}, technical{json::Object{}};
  const auto say = [](json::Value& to, std::string_view key, const std::string& text, bool list) {
    if (text.empty()) return;
    json::Array one{json::Value(text)};
    to.set(key, list ? json::Value(std::move(one)) : json::Value(text));
  };
  say(about, "authors", general_text(plan, "general.author"), true);
  say(about, "vendor", general_text(plan, "general.organization"), false);
  say(about, "family", plan.target.arch ? std::string(plan.target.arch->name) : "", false);
  say(about, "name", model_component(plan), false);
  say(about, "version", general_text(plan, "general.version"), false);
  say(about, "title", general_text(plan, "general.name"), false);
  say(about, "description", general_text(plan, "general.description"), false);
  say(about, "sourceURL", general_text(plan, "general.source.url"), false);
  say(about, "licenses", general_text(plan, "general.license"), true);
  technical.set("format", plan.request.to->name);
  say(technical, "precision", plan.target.type, false);
  json::Array digests;
  for (const FormFile& file : files) digests.emplace_back(fmt::format("sha256:{}", file.sha256));
  return json::write(object(
      {{"descriptor", std::move(about)},
       {"config", std::move(technical)},
       {"modelfs", object({{"type", "layers"}, {"diffIds", std::move(digests)}})}}));
}

std::string manifest_text(const Plan& plan, std::span<const FormFile> files,
                          const std::string& config) {
  json::Array layers;
  for (size_t f = 0; f < files.size(); ++f) {
    json::Value layer = descriptor(media_type(plan, f), files[f].sha256, files[f].bytes);
    layer.set("annotations", object({{"org.opencontainers.image.title", files[f].name},
                                     {"org.cncf.model.filepath", files[f].name}}));
    layers.push_back(std::move(layer));
  }
  return json::write(object({{"schemaVersion", 2},
                             {"mediaType", manifest_type},
                             {"artifactType", artifact_type},
                             {"config", descriptor("application/vnd.cncf.model.config.v1+json",
                                                   sha256_of(config), config.size())},
                             {"layers", std::move(layers)}}));
}

FormContent content(const Plan& plan, std::span<const FormFile> files,
                    std::vector<Finding>&) {
  FormContent out;
  for (const FormFile& file : files) out.names.push_back(blob_name("/", file.sha256));
  const std::string config = config_text(plan, files);
  const std::string manifest = manifest_text(plan, files, config);
  json::Value entry = descriptor(manifest_type, sha256_of(manifest), manifest.size());
  entry.set("artifactType", artifact_type);
  const std::string tag = path_component(plan.target.type);
  entry.set("annotations",
            object({{"org.opencontainers.image.ref.name", tag.empty() ? "latest" : tag}}));
  out.documents.emplace_back("oci-layout", R"({"imageLayoutVersion": "1.0.0"})");
  out.documents.emplace_back(
      "index.json",
      json::write(object({{"schemaVersion", 2},
                          {"mediaType", "application/vnd.oci.image.index.v1+json"},
                          {"manifests", json::Array{std::move(entry)}}})));
  out.documents.emplace_back(blob_name("/", sha256_of(config)), config);
  out.documents.emplace_back(blob_name("/", sha256_of(manifest)), manifest);
  return out;
}

}  // namespace

const FolderForm oci_form = {
    .name = "oci", .format = "", .one_file = false, .holds_setup = false, .content = content};

}  // namespace recast
