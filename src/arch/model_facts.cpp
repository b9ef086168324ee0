#include "arch/model_facts.h"

namespace recast {

namespace {

template <class T>
const T* get(const std::map<Fact, Facts::Number>& values, Fact fact) {
  const auto it = values.find(fact);
  return it == values.end() ? nullptr : std::get_if<T>(&it->second);
}

}  // namespace

const Facts::Number* Facts::find(Fact fact) const {
  const auto it = values_.find(fact);
  return it == values_.end() ? nullptr : &it->second;
}
int64_t Facts::integer(Fact fact) const {
  const auto* v = get<int64_t>(values_, fact);
  return v ? *v : 0;
}
double Facts::real(Fact fact) const {
  if (const auto* v = get<double>(values_, fact)) return *v;
  return static_cast<double>(integer(fact));
}
bool Facts::flag(Fact fact) const {
  const auto* v = get<bool>(values_, fact);
  return v && *v;
}
std::string_view Facts::text(Fact fact) const {
  const auto* v = get<std::string>(values_, fact);
  return v ? std::string_view(*v) : std::string_view();
}
std::span<const int64_t> Facts::list(Fact fact) const {
  const auto* v = get<std::vector<int64_t>>(values_, fact);
  return v ? std::span<const int64_t>(*v) : std::span<const int64_t>();
}
int64_t Facts::at_layer(Fact fact, int layer) const {
  const auto all = list(fact);
  return layer >= 0 && static_cast<size_t>(layer) < all.size() ? all[static_cast<size_t>(layer)] : 0;
}

}  // namespace recast
