#include "convert/manifest.h"

#include <fmt/format.h>

#include <map>

#include "base/parallel.h"
#include "convert/carry.h"
#include "convert/describe.h"
#include "convert/options.h"

namespace recast {

namespace {

// Room for the figures of the run, whose length is not known when the file is placed.
constexpr size_t run_room = 256;

struct Sums {
  std::map<std::string, std::string> source_tensors;  // XXH3-128 in hexadecimal
  std::vector<std::string> source_heads;              // of files, what stands before the first tensor
  std::vector<std::string> target_tensors;            // in order of the items; empty: a file
  std::vector<std::string> target_heads;
  std::vector<std::string> files;                     // SHA-256, only with --checksum
  std::vector<std::string> names;                     // final ones, of all files
};

const std::string unknown_xxh3(32, '0');

bool is_extra(const Plan& plan, size_t file) {
  return plan.manifest_file >= 0 && file >= static_cast<size_t>(plan.manifest_file);
}

json::Value source_part(const Plan& plan, const Sums& sums) {
  json::Array files, tensors;
  for (size_t f = 0; f < plan.source->files.size(); ++f)
    files.push_back(object({{"name", plan.source->files[f].first},
                            {"bytes", plan.source->files[f].second->size()},
                            {"head_xxh3_128", sums.source_heads[f]}}));
  for (const auto& [name, sum] : sums.source_tensors)
    tensors.push_back(object({{"name", name}, {"xxh3_128", sum}}));
  return object({{"name", plan.source->name},
                 {"format", plan.request.from->name},
                 {"fingerprint", header_fingerprint(*plan.source)},
                 {"files", std::move(files)},
                 {"tensors", std::move(tensors)}});
}

json::Value target_part(const Plan& plan, const Sums& sums) {
  json::Array files, tensors;
  for (size_t f = 0; f < plan.layout.files.size(); ++f) {
    if (is_extra(plan, f)) continue;
    json::Value file = object({{"name", sums.names[f]},
                               {"bytes", plan.layout.files[f].bytes},
                               {"head_xxh3_128", sums.target_heads[f]}});
    if (!sums.files.empty()) file.set("sha256", sums.files[f]);
    files.push_back(std::move(file));
  }
  for (size_t i = 0; i < plan.items.size(); ++i)
    if (plan.items[i].tensor >= 0)
      tensors.push_back(
          object({{"name", plan.items[i].name}, {"xxh3_128", sums.target_tensors[i]}}));
  return object({{"format", plan.request.to->name},
                 {"files", std::move(files)},
                 {"tensors", std::move(tensors)}});
}

std::string manifest_text(const Plan& plan, const Sums& sums, const RunFacts& run) {
  const json::Value document = object(
      {{"recast", RECAST_VERSION},
       {"source_path", plan.request.options.source},
       {"options", given_options(plan.request.options)},
       {"plan", plan.fingerprint},
       {"source", source_part(plan, sums)},
       {"target", target_part(plan, sums)},
       {"run", object({{"started", run.started},
                       {"seconds", run.seconds},
                       {"threads", plan.threads},
                       {"memory_limit", plan.memory_limit},
                       {"peak_memory", run.peak_memory}})}});
  return json::write(document, 1);
}

std::string sums_text(const Plan& plan, const Sums& sums) {
  std::string text;
  for (size_t f = 0; f < plan.layout.files.size(); ++f)
    if (!is_extra(plan, f)) text += sha256_line(sums.files[f], sums.names[f]);
  return text;
}

Sums placeholders(const Plan& plan, const SealedFiles& sealed) {
  Sums sums{.names = sealed.names};
  const std::string& xxh3 = unknown_xxh3;
  sums.source_heads.assign(plan.source->files.size(), xxh3);
  sums.target_heads.assign(plan.layout.files.size(), xxh3);
  // Fake tensors stand in no source: there is nothing to compare them with.
  if (!plan.request.options.fake_weight)
    for (const Tensor& tensor : plan.source->tensors) sums.source_tensors[tensor.name] = xxh3;
  sums.target_tensors.assign(plan.items.size(), xxh3);
  if (plan.request.options.checksum)
    sums.files.assign(plan.layout.files.size(), std::string(64, '0'));
  return sums;
}

// Hashes of the source's tensors: those that were copied have the hash of the copy.
void hash_source(const Plan& plan, const std::vector<Hash128>& item_hashes,
                 const std::vector<std::optional<Hash128>>& source_hashes, Sums& sums) {
  std::map<std::string_view, const Tensor*> sources;
  for (const Tensor& tensor : plan.source->tensors) sources[tensor.name] = &tensor;
  for (size_t i = 0; i < plan.items.size(); ++i) {
    const int t = plan.items[i].tensor;
    if (t < 0) continue;
    const Origin& origin = plan.target.origins[static_cast<size_t>(t)];
    if (origin.sources.size() != 1) continue;
    if (i < source_hashes.size() && source_hashes[i])
      sums.source_tensors[origin.sources.front()] = source_hashes[i]->hex();
    if (!plan.items[i].value->extent()) continue;
    const auto it = sources.find(origin.sources.front());
    const Tensor* source = it == sources.end() ? nullptr : it->second;
    if (source && source->bytes() == plan.items[i].value->bytes())
      sums.source_tensors[source->name] = item_hashes[i].hex();
  }
  std::vector<std::pair<const Tensor*, std::string*>> rest;
  for (const Tensor& tensor : plan.source->tensors)
    if (std::string& sum = sums.source_tensors[tensor.name]; sum == unknown_xxh3)
      rest.emplace_back(&tensor, &sum);
  parallel_for(static_cast<int64_t>(rest.size()), plan.threads, [&](int64_t i) {
    const auto& [tensor, sum] = rest[static_cast<size_t>(i)];
    *sum = tensor_xxh3(*tensor).hex();
  });
}

std::string head_hash(const File& file, uint64_t bytes) {
  Xxh3 hash;
  for (uint64_t at = 0; at < bytes; at += slab_bytes)
    hash.update(file.window(at, std::min<uint64_t>(slab_bytes, bytes - at)).bytes());
  return hash.digest().hex();
}

// A file whose tensors stand nowhere as they are (big-endian, compressed, chunks of ranks) has no
// first tensor and may be as large as the model. So much of it is hashed; its tensors are hashed by
// themselves. No side file is larger.
constexpr uint64_t most_head_bytes = uint64_t{64} << 20;

// What of each source file stands before its first tensor: all of a side file.
std::vector<std::string> source_heads(const Plan& plan) {
  std::map<const File*, uint64_t> first;
  for (const Tensor& tensor : plan.source->tensors)
    if (const auto extent = tensor.value->extent()) {
      const auto [it, fresh] = first.emplace(extent->file.get(), extent->offset);
      if (!fresh) it->second = std::min(it->second, extent->offset);
    }
  std::vector<std::string> out;
  for (const auto& [name, file] : plan.source->files) {
    const auto it = first.find(file.get());
    out.push_back(
        head_hash(*file, it == first.end() ? std::min(file->size(), most_head_bytes) : it->second));
  }
  return out;
}

std::vector<std::string> target_heads(const Plan& plan, const Output& output) {
  std::vector<uint64_t> bytes;
  for (const OutputFileSpec& file : plan.layout.files) bytes.push_back(file.bytes);
  for (const PlanItem& item : plan.items)
    if (item.tensor >= 0) bytes[item.file] = std::min(bytes[item.file], item.offset);
  std::vector<std::string> out;
  for (size_t f = 0; f < bytes.size(); ++f)
    out.push_back(is_extra(plan, f) ? unknown_xxh3 : head_hash(*output.reopen(f), bytes[f]));
  return out;
}

void hash_files(const Plan& plan, const Output& output, const SealedFiles& sealed, Sums& sums) {
  if (!plan.request.options.checksum) return;
  parallel_for(plan.manifest_file, plan.threads, [&](int64_t i) {
    const auto f = static_cast<size_t>(i);
    sums.files[f] = f < sealed.sha256.size() ? sealed.sha256[f] : file_sha256(*output.reopen(f));
  });
}

}  // namespace

json::Value source_headers(const Plan& plan) {
  Sums sums = placeholders(plan, unsealed(plan));
  sums.source_heads = source_heads(plan);
  return source_part(plan, sums);
}

void add_manifest(Plan& plan) {
  const bool folder = plan.layout.kind == OutputKind::folder;
  const Sums sums = placeholders(plan, unsealed(plan));
  const std::string stem = folder ? "" : plan.layout.files.front().name + ".";
  const uint64_t bytes = manifest_text(plan, sums, {}).size() + run_room;
  const uint64_t sums_bytes = plan.request.options.checksum ? sums_text(plan, sums).size() : 0;
  plan.manifest_file = static_cast<int>(plan.layout.files.size());
  plan.layout.files.push_back({stem + "recast.json", bytes});
  if (plan.request.options.checksum)
    plan.layout.files.push_back({folder ? "SHA256SUMS" : stem + "sha256", sums_bytes});
}

void write_manifest(const Plan& plan, const std::vector<Hash128>& item_hashes,
                    const RunFacts& run, const SealedFiles& sealed, Output& output,
                    const std::vector<std::optional<Hash128>>& source_hashes) {
  if (plan.manifest_file < 0) return;
  Sums sums = placeholders(plan, sealed);
  for (size_t i = 0; i < item_hashes.size(); ++i) sums.target_tensors[i] = item_hashes[i].hex();
  if (!plan.request.options.fake_weight) hash_source(plan, item_hashes, source_hashes, sums);
  sums.source_heads = source_heads(plan);
  sums.target_heads = target_heads(plan, output);
  hash_files(plan, output, sealed, sums);
  const auto file = static_cast<size_t>(plan.manifest_file);
  std::string text = manifest_text(plan, sums, run);
  text.resize(plan.layout.files[file].bytes - 1, ' ');  // blanks after a document mean nothing
  text += '\n';
  output.write_at(file, 0, std::as_bytes(std::span(text)));
  if (!plan.request.options.checksum) return;
  const std::string lines = sums_text(plan, sums);
  output.write_at(file + 1, 0, std::as_bytes(std::span(lines)));
}

}  // namespace recast
