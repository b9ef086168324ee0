#include <yaml.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "wire/utf8.h"
#include "wire/yaml.h"

namespace recast::yaml {

namespace {

// Words that some version of YAML takes for a boolean or null, in any letter case.
constexpr std::string_view taken[] = {"y",  "n",  "yes", "no",   "true",
                                      "on", "off", "false", "null"};

// Text that needs no quotes in any version of YAML: a word that begins with a letter.
bool is_plain(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || !is_letter(text[0])) return false;
  std::string lower;
  for (const char c : text) {
    if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.' && c != '/')
      return false;
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return std::find(std::begin(taken), std::end(taken), lower) == std::end(taken);
}

// Owns libyaml's emitter.
class Emitter {
 public:
  Emitter() {
    if (!yaml_emitter_initialize(&emitter_)) fail(codes::out_of_memory);
    yaml_emitter_set_output(&emitter_, append, &text_);
    yaml_emitter_set_unicode(&emitter_, 1);
    yaml_emitter_set_width(&emitter_, -1);
    emit([](yaml_event_t* e) { return yaml_stream_start_event_initialize(e, YAML_UTF8_ENCODING); });
    emit([](yaml_event_t* e) {
      return yaml_document_start_event_initialize(e, nullptr, nullptr, nullptr, 1);
    });
  }
  ~Emitter() { yaml_emitter_delete(&emitter_); }
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;

  std::string finish() {
    emit([](yaml_event_t* e) { return yaml_document_end_event_initialize(e, 1); });
    emit([](yaml_event_t* e) { return yaml_stream_end_event_initialize(e); });
    return std::move(text_);
  }

  void add(const json::Value& value) {
    if (const json::Object* members = value.as_object()) return add(*members);
    if (const json::Array* items = value.as_array()) {
      emit([](yaml_event_t* e) {
        return yaml_sequence_start_event_initialize(e, nullptr, nullptr, 1,
                                                    YAML_BLOCK_SEQUENCE_STYLE);
      });
      for (const json::Value& item : *items) add(item);
      emit([](yaml_event_t* e) { return yaml_sequence_end_event_initialize(e); });
    } else if (const std::string* text = value.as_string()) {
      add_text(*text);
    } else {
      add_scalar(json::write(value), YAML_PLAIN_SCALAR_STYLE);  // a number, true, false, null
    }
  }

  void add(const json::Object& members) {
    emit([](yaml_event_t* e) {
      return yaml_mapping_start_event_initialize(e, nullptr, nullptr, 1, YAML_BLOCK_MAPPING_STYLE);
    });
    for (const auto& [key, value] : members) {
      add_text(key);
      add(value);
    }
    emit([](yaml_event_t* e) { return yaml_mapping_end_event_initialize(e); });
  }

 private:
  static int append(void* text, unsigned char* bytes, size_t size) {
    static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(bytes), size);
    return 1;
  }

  void add_text(const std::string& text) {
    add_scalar(with_valid_utf8(text),
               is_plain(text) ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
  }

  void add_scalar(const std::string& text, yaml_scalar_style_t style) {
    const auto* bytes = reinterpret_cast<const yaml_char_t*>(text.data());
    emit([&](yaml_event_t* e) {
      return yaml_scalar_event_initialize(e, nullptr, nullptr, bytes,
                                          static_cast<int>(text.size()), 1, 1, style);
    });
  }

  template <class Make>
  void emit(Make&& make) {
    yaml_event_t event;
    if (!make(&event)) fail(codes::out_of_memory);
    if (!yaml_emitter_emit(&emitter_, &event))  // takes the event
      fail(codes::bug, {.where = "the writer of YAML",
                        .found = emitter_.problem ? emitter_.problem : "no memory"});
  }

  yaml_emitter_t emitter_;
  std::string text_;
};

}  // namespace

std::string write(const json::Object& members) {
  Emitter emitter;
  emitter.add(members);
  return emitter.finish();
}

}  // namespace recast::yaml
