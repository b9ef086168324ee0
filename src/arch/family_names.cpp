#include "arch/family_names.h"

#include <algorithm>

#include "arch/canonical.h"
#include "arch/facts.h"

namespace recast {

namespace {

constexpr std::string_view layer_mark = "{}", entry_mark = "{e}";
// What a layer that predicts further tokens has beside the tensors of an ordinary one.
constexpr std::string_view mtp_parts =
    ".eh_proj. .enorm. .hnorm. .shared_head. .layers.{}.embed_tokens. .nextn.";

}  // namespace

std::string pattern_of(const Cell& cell, Part part) {
  const size_t at = std::min(cell.name.find(entry_mark), cell.name.size());
  std::string name(cell.name.substr(0, at));
  if (at < cell.name.size())
    name.append(layer_mark).append(cell.name.substr(at + entry_mark.size()));
  return name_pattern(name.append(part == Part::weight ? cell.suffix : cell.bias));
}

FamilyNames::FamilyNames(const Architecture& arch, Convention convention)
    : arch_(&arch), convention_(convention) {
  for (const auto* tables : {&arch.tensors, &arch.also_read})
    for (const auto& group : *tables)
      for (const TensorRow& row : group)
        for (const Part part : {Part::weight, Part::bias})
          add(row, part, tables == &arch.also_read);
}

void FamilyNames::add(const TensorRow& row, Part part, bool alternative) {
  const Cell& cell = row.cell(convention_);
  if (cell.name.empty() || !(part == Part::weight ? row.weight : row.bias).possible) return;
  for (Sort& sort : sorts_) {
    const Cell& other = sort.rows.front()->cell(convention_);
    if (sort.part != part || sort.alternative != alternative || other.name != cell.name ||
        other.suffix != cell.suffix || other.bias != cell.bias)
      continue;
    sort.rows.push_back(&row);
    return;
  }
  sorts_.push_back({.pattern = pattern_of(cell, part),
                    .rows = {&row},
                    .part = part,
                    .per_layer = row.per_layer(),
                    .per_entry = cell.name.find(entry_mark) != std::string_view::npos,
                    .alternative = alternative});
  add_spellings(sorts_.back().pattern);
}

// What to_canonical() undoes: a prefix that is missing or one too many, an old ending.
void FamilyNames::add_spellings(const std::string& pattern) {
  spellings_.emplace(pattern, pattern);
  if (convention_ != Convention::hf) return;
  std::vector<std::string> endings{pattern};
  for (const std::string_view pair : words(arch_->suffixes)) {
    const size_t equals = pair.find('=');
    const std::string_view now = pair.substr(equals + 1);
    if (pattern.ends_with(now))
      endings.push_back(pattern.substr(0, pattern.size() - now.size())
                            .append(pair.substr(0, equals)));
  }
  for (const std::string& name : endings) {
    spellings_.emplace(name, pattern);
    for (const std::string_view prefix : words(arch_->prefixes)) {
      if (name.starts_with(prefix)) spellings_.emplace(name.substr(prefix.size()), pattern);
      spellings_.emplace(std::string(prefix).append(name), pattern);
    }
  }
}

const std::string* FamilyNames::find(std::string_view pattern) const {
  const auto known = spellings_.find(std::string(pattern));
  if (known != spellings_.end()) return &known->second;
  if (convention_ != Convention::hf) return nullptr;
  for (const std::string_view wrapper : words(text_wrappers)) {
    if (!pattern.starts_with(wrapper)) continue;
    const auto inner = spellings_.find(std::string(pattern.substr(wrapper.size())));
    if (inner != spellings_.end()) return &inner->second;
  }
  return nullptr;
}

bool FamilyNames::drops(std::string_view pattern) const {
  if (find_key(*arch_, Fact::mtp_layers))
    for (const std::string_view part : words(mtp_parts))
      if (pattern.find(part) != std::string_view::npos) return true;
  for (const std::string_view suffix : words(arch_->dropped))
    if (pattern.ends_with(suffix)) return true;
  return convention_ == Convention::hf &&
         (begins_with_any(pattern, arch_->parts) || is_other_modality(pattern));
}

uint64_t explained_tensors(const NameCensus& census, const FamilyNames& names) {
  uint64_t known = 0;
  for (const NameSort& sort : census.sorts)
    if (names.find(sort.pattern) || names.drops(sort.pattern)) known += sort.count;
  return known;
}

}  // namespace recast
