#include "convert/assembler.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "arch/derive.h"
#include "arch/facts.h"
#include "arch/rope.h"
#include "codec/codecs.h"
#include "convert/carry.h"
#include "convert/float_types.h"
#include "convert/keep_split.h"
#include "convert/language_part.h"
#include "convert/quantize_options.h"
#include "model/general_metadata.h"
#include "model/optimizer.h"
#include "tensor/fill.h"
#include "tensor/lazy_ops.h"
#include "transform/fake_weights.h"

namespace recast {

namespace {

CastOptions cast_options(const ConvertOptions& options) {
  return {.clamp_overflow = options.allow_overflow == "clamp",
          .replace_nonfinite = options.allow_nonfinite,
          .effort = effort_of(options)};
}

// For the name and the report.
std::string main_type(const Checkpoint& checkpoint) {
  const Codec* codec = main_codec(checkpoint);
  return codec ? std::string(codec->name) : "";
}

}  // namespace

const Codec* main_codec(const Checkpoint& checkpoint) {
  std::map<std::string_view, std::pair<uint64_t, const Codec*>> types;
  for (const Tensor& tensor : checkpoint.tensors) {
    auto& [bytes, codec] = types[tensor.codec().name];
    bytes += tensor.bytes();
    codec = &tensor.codec();
  }
  const Codec* best = nullptr;
  uint64_t most = 0;
  for (const auto& [name, type] : types)
    if (type.first > most) std::tie(most, best) = type;
  return best;
}

json::Value overlaid(json::Value base, const json::Value& overlay) {
  if (base.is_null()) base = json::Value(json::Object{});
  if (const json::Object* members = overlay.as_object())
    for (const auto& [key, value] : *members) base.set(key, value);
  return base;
}

Target Assembler::run() {
  target_.warnings = source_.warnings;
  target_.notes = request_.notes;
  target_.checkpoint.convention = request_.to->convention;
  target_.checkpoint.name = source_.name;
  config_ = source_.convention == Convention::hf && source_.config.is_null() &&
                    request_.model_config.is_null()
                ? json::Value(nullptr)
                : overlaid(source_.config, request_.model_config);
  config_file_ = source_.config_file.empty() ? request_.model_config_file : source_.config_file;
  const bool unchanged = request_.from == request_.to && !request_.asks_for_change() &&
                         source_.trailing_bytes == 0;
  // A set of files is joined: only one file, or a whole folder, can be copied as it is.
  if (unchanged && (source_.files.size() == 1 || request_.to->extension.empty())) return copy();
  provenance_ = options_.provenance && !unchanged;
  const bool text_only = options_.text_only && source_.convention == Convention::hf;
  const bool crosses = source_.convention != request_.to->convention;
  const bool positions = options_.context_length > 0 || !options_.rope_scaling.empty();
  if (crosses || request_.to->holds_config || positions || text_only)
    recognise_or_refuse(crosses || text_only || (positions && to_gguf()));
  if (positions && target_.arch) set_positions();
  note_stated_dtype();
  if (target_.arch && source_.convention == Convention::hf && (crosses || text_only))
    config_ = language_part(config_, *target_.arch);
  if (crosses || text_only)
    cross();
  else
    keep_names();
  if (request_.to->convention == Convention::gguf)
    finish_gguf(crosses);
  else
    finish_hf(crosses);
  warn_of_text_only(options_.text_only, options_.source, target_);
  target_.config = config_;
  target_.type = target_.type.empty() ? main_type(target_.checkpoint) : target_.type;
  name_target();
  return std::move(target_);
}

Target Assembler::copy() {
  target_.raw_copy = true;
  target_.checkpoint = source_;
  target_.origins.resize(source_.tensors.size());
  for (size_t i = 0; i < source_.tensors.size(); ++i)
    target_.origins[i].sources = {source_.tensors[i].name};
  target_.notes.emplace_back(
      "same format and nothing to change: a byte copy of the validated files");
  target_.config = config_;
  target_.type = main_type(source_);
  const Recognition r = recognise(source_, options_.model_type);
  target_.arch = r.arch;
  target_.arch_evidence = r.evidence;
  name_target();
  return std::move(target_);
}

void Assembler::recognise_or_refuse(bool needed) {
  Checkpoint stated;  // what recognition may look at, with the laid-over config
  stated.convention = source_.convention;
  stated.tensors = source_.tensors;
  stated.files = source_.files;
  stated.metadata = source_.metadata;
  stated.config = config_;
  stated.config_file = config_file_;
  const bool hf = source_.convention == Convention::hf;
  Recognition r = recognise(stated, options_.model_type);
  refuse_bare_folder(r);
  if (!r.arch && !needed && hf && config_.is_null() && r.candidates.empty())
    fail(codes::needs_config, {.found = "names of tensors that no architecture has",
                               .file = options_.source});
  if (!r.arch && (needed || (hf && config_.is_null())))
    r = require_architecture(stated, options_.model_type);
  target_.arch = r.arch;
  target_.arch_evidence = r.evidence;
  if (r.arch && needed && to_gguf() && r.arch->gguf.empty())
    fail(codes::no_gguf_architecture,
         {.where = r.evidence, .found = std::string(r.arch->name), .file = options_.source});
  // A GGUF that stays one keeps its names and keys: nothing asks what they mean.
  if (!r.arch || (!needed && !hf)) return;
  if (r.by_names || !options_.model_type.empty() || !has_own_facts(source_)) take_shapes(r);
  if (hf) {
    if (needed && options_.model_type.empty())
      require_one_family(config_, config_file_, warnings());
    facts_ = facts_from_config(*r.arch, language_config(config_), config_file_, warnings());
  } else {
    restored_ = believed_config(source_, *r.arch, warnings());
    if (!options_.model_type.empty())
      restored_ = without(std::move(restored_), {"model_type", "architectures"});
    const json::Value beyond = beyond_gguf(restored_, *r.arch);
    facts_ = facts_from_gguf(*r.arch, source_, overlaid(beyond, config_), warnings());
  }
  for (const std::string& assumption : facts_.assumptions)
    target_.assumptions.push_back(assumption);
}

void Assembler::refuse_bare_folder(const Recognition& known) const {
  if (source_.convention != Convention::hf || !request_.from->holds_config ||
      source_.config.is_object() || !request_.model_config.is_null() || !options_.model_type.empty())
    return;
  std::string expected = "config.json, or --model-config FILE";
  if (known.arch) {
    const CompletedConfig found = complete_by_shapes(*known.arch, source_, nullptr);
    expected += fmt::format(" with {}", fmt::join(missing_keys(*known.arch, found.config), ", "));
  }
  fail(codes::config_missing, {.where = known.evidence,
                               .expected = std::move(expected),
                               .found = "no such file",
                               .file = options_.source});
}

void Assembler::take_shapes(const Recognition& known) {
  const bool bare = !has_own_facts(source_);
  if (!bare && (source_.convention == Convention::gguf || language_member(config_))) return;
  CompletedConfig completed = complete_by_shapes(*known.arch, source_, config_);
  if (bare) require_stated_facts(known, completed, options_.source);
  config_ = std::move(completed.config);
  if (known.by_names)
    target_.assumptions.push_back(fmt::format("{}: {}", known.arch->name, known.evidence));
  for (const std::string& fact : completed.derived)
    target_.assumptions.push_back(fact + " (by the tensors)");
  if (bare)
    target_.assumptions.push_back(
        fmt::format("class defaults of {} for what neither the tensors nor --model-config says",
                    known.arch->name));
}

void Assembler::set_positions() {
  const int64_t trained = facts_.facts.integer(Fact::context);
  if (!options_.rope_scaling.empty()) set_rope_scaling(options_.rope_scaling, facts_);
  if (options_.context_length == 0) return;
  facts_.facts.set(Fact::context, options_.context_length);
  if (config_.is_object() && source_.convention == Convention::hf)
    config_.set(key_spelling(*target_.arch, Fact::context, Convention::hf),
                options_.context_length);
  if (options_.context_length > trained && facts_.rope.type == "default")
    warnings().push_back(Error(codes::context_beyond_training,
                               {.where = fmt::format("--context-length {}", options_.context_length),
                                .expected = fmt::format("at most {}, the trained length", trained)}));
}

void Assembler::cross() {
  Canonical canonical = held_by(to_canonical(source_, facts_, warnings()),
                                request_.to->convention);
  facts_ = canonical.model;
  leave_modalities_out(canonical, options_.text_only, options_.source, target_);
  for (const Canonical::Dropped& d : canonical.dropped)
    target_.dropped.push_back(fmt::format("{} ({})", d.name, d.rule));
  report_unknown(canonical.unknown);
  if (source_.convention == Convention::gguf) canonical = narrowed(std::move(canonical));
  for (NativeTensor& native : from_canonical(canonical, request_.to->convention)) {
    Origin origin;
    for (const RoleKey& key : native.roles)
      if (const auto it = canonical.tensors.find(key); it != canonical.tensors.end())
        add_sources(it->second, origin.sources);
    out().tensors.push_back(std::move(native.tensor));
    target_.origins.push_back(std::move(origin));
  }
}

void Assembler::add_sources(const RoleTensor& tensor, std::vector<std::string>& sources) {
  if (std::find(sources.begin(), sources.end(), tensor.source) != sources.end()) return;
  sources.push_back(tensor.source);
  sources.insert(sources.end(), tensor.further_sources.begin(), tensor.further_sources.end());
}

void Assembler::report_unknown(const std::vector<std::string>& unknown) {
  if (unknown.empty()) return;
  std::string names;
  for (size_t i = 0; i < unknown.size() && i < 3; ++i)
    names += fmt::format("{}\"{}\"", i ? ", " : "", printable(unknown[i]));
  if (unknown.size() > 3) names += fmt::format(" and {} more", unknown.size() - 3);
  warnings().push_back(Error(codes::unknown_tensor,
                             {.where = tensor_where(unknown.front()),
                              .found = fmt::format("{}: {}", unknown.size(), names),
                              .file = options_.source}));
  for (const std::string& name : unknown)
    target_.dropped.push_back(fmt::format("{} (not known to {})", name, facts_.arch->name));
}

void Assembler::keep_names() {
  std::vector<Tensor> tensors = source_.tensors;
  // As the reference quantizer writes them; a file that is kept keeps its order.
  if (to_gguf() && request_.quant && request_.write.split != kept_split)
    std::stable_sort(tensors.begin(), tensors.end(), [](const Tensor& a, const Tensor& b) {
      return recipe_order(a.name, b.name);
    });
  for (Tensor& tensor : tensors) {
    target_.origins.push_back({{tensor.name}});
    out().tensors.push_back(std::move(tensor));
  }
  out().metadata = source_.metadata;
  if (target_.arch && source_.convention == Convention::hf) {
    // The names stay, but a tensor that the family needs must be there.
    Canonical checked = to_canonical(source_, facts_, warnings());
    facts_ = checked.model;
  }
}

void Assembler::set_types() {
  const std::vector<const Codec*> types =
      to_gguf() ? gguf_types() : float_types(out().tensors, request_.precision, *request_.to);
  for (size_t i = 0; i < types.size(); ++i) {
    Tensor& tensor = out().tensors[i];
    const Codec& type = *types[i];
    Origin& origin = target_.origins[i];
    const std::string& called = origin.sources.size() == 1 ? origin.sources[0] : tensor.name;
    if (request_.to->type_name(type).empty())
      fail(codes::type_not_storable,
           {.where = tensor_where(called),
            .expected = fmt::format("a type of {}", request_.to->name),
            .found = std::string(type.name),
            .fix = type.kind == CodecKind::integer ? "convert the float checkpoint instead" : "",
            .file = options_.source});
    // Integers in the place of weights are codes of some method, worthless without its scales.
    const bool crosses = source_.convention != request_.to->convention;
    if (crosses && type.kind == CodecKind::integer && !origin.sources.empty())
      fail(codes::type_not_storable, {.where = tensor_where(called),
                                      .expected = "floating-point weights",
                                      .found = std::string(type.name),
                                      .fix = "convert the float checkpoint instead",
                                      .file = options_.source});
    const bool same = &tensor.codec() == &type;
    if (!same && type.kind == CodecKind::block)
      origin.kind = Origin::Kind::quantized;
    else if (!same || !tensor.value->extent())
      origin.kind = Origin::Kind::converted;
    // Also where a rule computes (1 + w): the output of a fake is zeros. A tensor without a
    // source is a part of the config (rope factors), which is real.
    if (request_.makes_zeros() && !origin.sources.empty())
      tensor.value = zeros(tensor.shape(), type);
    else if (!same)
      pack(i, type);
  }
  report_importance();
}

void Assembler::pack(size_t i, const Codec& type) {
  Tensor& tensor = out().tensors[i];
  ImportanceValues importance = importance_for(tensor, type);
  if (type.kind == CodecKind::block && tensor.elements() > 0)
    target_.packings.push_back({i, tensor.value, importance});
  tensor.value = cast_weighted(tensor.value, type, std::move(importance), cast_options(options_));
}

void Assembler::name_target() {
  const std::string type =
      request_.quant ? std::string(request_.quant->name) : main_type(target_.checkpoint);
  target_.type = type;
  std::transform(target_.type.begin(), target_.type.end(), target_.type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (to_gguf()) {
    GgufFileName name = gguf_file_name(target_.checkpoint.metadata);
    if (name.basename.empty() && name.name.empty()) name.name = source_.name;
    name.encoding = type;
    target_.stem = gguf_file_stem(name);
  } else {
    target_.stem = fmt::format("{}-{}", source_.name, request_.to->name);
  }
}

namespace {

// tensors of an optimizer are no part of the model. They stand behind it, as they are, or are
// listed.
void add_optimizer(const Request& request, std::vector<Tensor> tensors, Target& target) {
  if (request.options.keep_optimizer) {
    for (Tensor& tensor : tensors) {
      target.origins.push_back({{tensor.name}});
      if (!tensor.value->extent()) target.origins.back().kind = Origin::Kind::converted;
      target.checkpoint.tensors.push_back(std::move(tensor));
    }
    return;
  }
  target.warnings.push_back(
      Error(codes::not_carried, {.where = tensor_where(tensors.front().name),
                                 .found = fmt::format("{} tensors of an optimizer", tensors.size()),
                                 .fix = "--keep-optimizer carries them",
                                 .file = request.options.source}));
  for (const Tensor& tensor : tensors)
    target.dropped.push_back(fmt::format("{} (of an optimizer)", tensor.name));
}

}  // namespace

Target assemble(const Request& request, const Checkpoint& source) {
  if (std::none_of(source.tensors.begin(), source.tensors.end(), is_optimizer_tensor))
    return Assembler(request, source).run();
  Checkpoint model = source;
  const auto optimizer =
      std::stable_partition(model.tensors.begin(), model.tensors.end(),
                            [](const Tensor& tensor) { return !is_optimizer_tensor(tensor); });
  std::vector<Tensor> tensors(optimizer, model.tensors.end());
  model.tensors.erase(optimizer, model.tensors.end());
  Target target = Assembler(request, model).run();
  if (target.raw_copy) return Assembler(request, source).run();
  add_optimizer(request, std::move(tensors), target);
  return target;
}

}  // namespace recast
