#include "arch/architecture.h"
#include "arch/facts.h"
#include "base/limits.h"
#include "codec/codecs.h"
#include "convert/describe.h"
#include "convert/options.h"
#include "convert/request.h"
#include "quantize/file_types.h"
#include "recast/formats.h"

namespace recast {

namespace {

json::Array word_array(std::string_view list) {
  json::Array out;
  for (const std::string_view word : words(list)) out.emplace_back(word);
  return out;
}

// Why a pair is not converted; empty when it is.
std::string refusal(const Format& from, const Format& to) {
  if (!from.read) return std::string(from.name) + " is not read";
  if (!to.lay_out) return std::string(to.name) + " is not written";
  return "";
}

json::Value text_array(const std::vector<std::string>& texts) {
  json::Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

}  // namespace

json::Value list_formats() {
  json::Array out;
  for (const Format* format : all_formats()) {
    json::Array keys;
    for (const FormatKey& key : format->keys) keys.emplace_back(key.key);
    out.push_back(object({{"name", format->name},
                          {"aliases", word_array(format->aliases)},
                          {"on_disk", format->on_disk},
                          {"read", format->read != nullptr},
                          {"write", format->lay_out != nullptr},
                          {"options", std::move(keys)}}));
  }
  return out;
}

json::Value list_types() {
  json::Array out;
  for (const Codec* codec : codec::all()) {
    json::Array targets;
    for (const Format* format : all_formats())
      if (format->lay_out && !format->type_name(*codec).empty()) targets.emplace_back(format->name);
    out.push_back(object({{"name", codec->name},
                          {"block", codec->block_elements},
                          {"bytes", codec->block_bytes},
                          {"bits_per_weight", 8.0 * static_cast<double>(codec->block_bytes) /
                                                  static_cast<double>(codec->block_elements)},
                          {"encode", codec->encode || codec->encode_weighted},
                          {"needs_imatrix", needs_importance("", *codec, nullptr)},
                          {"targets", std::move(targets)}}));
  }
  return out;
}

json::Value list_archs() {
  json::Array out;
  for (const Architecture* arch : all_architectures())
    out.push_back(object({{"name", arch->name},
                          {"classes", word_array(arch->classes)},
                          {"gguf", arch->gguf},
                          {"lost", text_array(lost_in_gguf(*arch))},
                          {"limits", text_array(limits_in_gguf(*arch))},
                          {"tiers", json::Array{json::Value("checkpoint")}}}));
  return out;
}

json::Value list_pairs() {
  json::Array out;
  for (const Format* from : all_formats())
    for (const Format* to : all_formats()) {
      const std::string why = refusal(*from, *to);
      out.push_back(object({{"from", from->name},
                            {"to", to->name},
                            {"possible", why.empty()},
                            {"why", why}}));
    }
  return out;
}

json::Value list_errors() {
  json::Array out;
  for (const ErrorCode* code : all_error_codes())
    out.push_back(object({{"code", code->id},
                          {"symbol", code->symbol},
                          {"kind", kind_name(code->kind)},
                          {"exit", exit_code(code->kind)},
                          {"meaning", code->meaning},
                          {"fix", code->fix}}));
  return out;
}

json::Value list_limits() {
  json::Array out;
  for (const LimitRow& row : all_limits())
    out.push_back(object({{"name", row.name},
                          {"default", row.default_value},
                          {"unit", row.unit},
                          {"most", row.most == no_ceiling ? json::Value() : json::Value(row.most)},
                          {"reason", row.reason}}));
  return out;
}

json::Value list_options(const std::string& to) {
  json::Array out;
  const Format* format = to.empty() ? nullptr : &require_format(to, "--to");
  for (const OptionRow& row : convert_options()) {
    if (!format) {
      std::string environment = "RECAST_" + std::string(row.name);
      for (char& c : environment)
        c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      out.push_back(object({{"option", row.name},
                            {"short", row.short_name ? std::string(1, row.short_name) : ""},
                            {"aliases", word_array(row.aliases)},
                            {"value", row.value},
                            {"default", row.default_text},
                            {"group", row.group},
                            {"help", row.help},
                            {"values", word_array(row.values)},
                            {"environment", environment},
                            {"repeats", row.repeats},
                            {"acts_on_bytes", row.acts_on_bytes}}));
      continue;
    }
    std::string_view effect = "acts", why;
    for (const OptionEffect& known : format->effects)
      if (known.option == row.name) {
        effect = known.effect == Effect::acts ? "acts"
                 : known.effect == Effect::no_effect ? "no effect" : "refused";
        why = known.reason;
      }
    out.push_back(object({{"option", row.name}, {"effect", effect}, {"why", why}}));
  }
  return out;
}

}  // namespace recast
