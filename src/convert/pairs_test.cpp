#include "convert/pairs.h"

#include <gtest/gtest.h>

#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

ValuePtr one() { return constant_f32(std::vector<float>{1}, {1}, codec::f32); }

TEST(RolePlace, ComesFromTheRoleWhereThereIsOne) {
  const RolePlace place = role_place({{Role::attn_q, Part::bias, 3}}, "any.7.name");
  EXPECT_EQ(place.role, "attn_q.bias");
  EXPECT_EQ(place.layer, 3);
}

TEST(RolePlace, ElseFromTheNumbersInTheName) {
  struct Case {
    const char *name, *role;
    int layer;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"blk.12.attn_q.weight", "attn_q", 12},
           {"blk.0.attn_q.bias", "attn_q.bias", 0},
           {"model.layers.3.mlp.experts.5.down_proj.weight", "mlp.experts.down_proj", 3},
           {"output_norm.weight", "output_norm", -1},
           {"net.4.weight", "net.4", -1},  // no name behind the number
           {"x.123456.y", "x.123456.y", -1},
           {"", "", -1}}) {
    const RolePlace place = role_place({}, c.name);
    EXPECT_EQ(place.role, c.role) << c.name;
    EXPECT_EQ(place.layer, c.layer) << c.name;
  }
}

TEST(Pairs, NamesWithoutACounterpartAreListedOnTheirSide) {
  const Pairing pairing = pair_by_name({{"a", one()}, {"b", one()}}, {{"b", one()}, {"c", one()}});
  ASSERT_EQ(pairing.pairs.size(), 1u);
  EXPECT_EQ(pairing.pairs[0].name, "b");
  ASSERT_EQ(pairing.only_source.size(), 1u);
  EXPECT_EQ(pairing.only_source[0].name, "a");
  ASSERT_EQ(pairing.only_target.size(), 1u);
  EXPECT_EQ(pairing.only_target[0].name, "c");
}

TEST(Pairs, RolesMatchWhateverTheNamesAre) {
  Canonical a, b;
  a.tensors[{Role::attn_q, Part::weight, 0}] = {one(), "q_proj", {}};
  a.tensors[{Role::output}] = {one(), "lm_head", {}};
  b.tensors[{Role::attn_q, Part::weight, 0}] = {one(), "attn_qkv", {}};
  b.tensors[{Role::attn_q, Part::bias, 0}] = {one(), "attn_qkv.bias", {}};
  const Pairing pairing = pair_by_role(a, b);
  ASSERT_EQ(pairing.pairs.size(), 1u);
  EXPECT_EQ(pairing.pairs[0].reference, "q_proj");
  EXPECT_EQ(pairing.pairs[0].name, "attn_qkv");
  ASSERT_EQ(pairing.only_source.size(), 1u);
  EXPECT_EQ(pairing.only_source[0].name, "lm_head");
  ASSERT_EQ(pairing.only_target.size(), 1u);
  EXPECT_EQ(pairing.only_target[0].name, "attn_qkv.bias");
}

}  // namespace
}  // namespace recast
