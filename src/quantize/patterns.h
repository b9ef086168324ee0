#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tensor/codec.h"

namespace recast {

// A regular expression that is searched for in the names of tensors. Copies share the compiled
// form; thread safe.
class NamePattern {
 public:
  // `option` is blamed. Throws bad_value for a text that is no regular expression.
  NamePattern(std::string text, std::string option);
  // Throws bad_value when the search takes too many steps.
  bool matches(std::string_view name) const;
  const std::string& text() const { return text_; }
  const std::string& option() const { return option_; }

 private:
  std::string text_, option_;
  std::shared_ptr<const void> code_;
};

// REGEX=TYPE of --tensor-type.
struct TypePattern {
  NamePattern name;
  const Codec* codec;
  bool used = false;  // whether it decided, or matched behind another one
};

}  // namespace recast
