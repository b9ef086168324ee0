#include "quantize/choose.h"

#include <gtest/gtest.h>

#include <random>

#include "codec/codecs.h"
#include "quantize/knapsack.h"
#include "quantize/sensitivity.h"

namespace recast {
namespace {

uint64_t cost_of(const std::vector<Choices>& items, const std::vector<size_t>& chosen) {
  uint64_t sum = 0;
  for (size_t i = 0; i < items.size(); ++i) sum += items[i][chosen[i]].cost;
  return sum;
}

double loss_of(const std::vector<Choices>& items, const std::vector<size_t>& chosen) {
  double sum = 0;
  for (size_t i = 0; i < items.size(); ++i) sum += items[i][chosen[i]].loss;
  return sum;
}

// The least loss of all combinations within the budget.
double by_trying_all(const std::vector<Choices>& items, uint64_t budget) {
  double best = std::numeric_limits<double>::infinity();
  std::vector<size_t> at(items.size(), 0);
  for (;;) {
    if (cost_of(items, at) <= budget) best = std::min(best, loss_of(items, at));
    size_t i = 0;
    while (i < items.size() && ++at[i] == items[i].size()) at[i++] = 0;
    if (i == items.size()) return best;
  }
}

TEST(Knapsack, FindsTheBestOfAllCombinations) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Choices> items(1 + random() % 5);
    uint64_t least = 0, most = 0;
    for (Choices& choices : items) {
      choices.resize(1 + random() % 4);
      uint64_t low = UINT64_MAX, high = 0;
      for (Choice& choice : choices) {
        choice = {1 + random() % 60, static_cast<double>(random() % 1000) / 7};
        low = std::min(low, choice.cost);
        high = std::max(high, choice.cost);
      }
      least += low;
      most += high;
    }
    const uint64_t budget = least + random() % (most - least + 2);
    const auto chosen = knapsack(items, budget);
    ASSERT_EQ(chosen.size(), items.size());
    EXPECT_LE(cost_of(items, chosen), budget);
    EXPECT_NEAR(loss_of(items, chosen), by_trying_all(items, budget), 1e-9) << round;
    EXPECT_TRUE(knapsack(items, least - 1).empty());
    const auto full = knapsack(items, budget, size_t{1} << 16, budget);
    EXPECT_TRUE(full.empty() || cost_of(items, full) == budget) << round;
  }
}

// Costs as they are: rounding to few units must never break the budget, nor waste it.
TEST(Knapsack, RoundedCostsStayWithinTheBudgetAndNearIt) {
  std::mt19937 random(11);
  std::vector<Choices> items(300);
  uint64_t least = 0, most = 0;
  for (Choices& choices : items) {
    const uint64_t weights = 100'000 + random() % 50'000'000;
    for (const double bits : {2.6, 3.4, 4.5, 5.5, 6.6, 8.5})
      choices.push_back({static_cast<uint64_t>(static_cast<double>(weights) * bits / 8),
                         std::exp2(-2 * bits) * static_cast<double>(1 + random() % 9)});
    least += choices.front().cost;
    most += choices.back().cost;
  }
  for (const double part : {0.05, 0.3, 0.5, 0.9}) {
    const uint64_t budget = least + static_cast<uint64_t>(part * static_cast<double>(most - least));
    double before = std::numeric_limits<double>::infinity();
    for (const size_t units : {size_t{16}, size_t{512}, size_t{1} << 16}) {
      const auto chosen = knapsack(items, budget, units);
      EXPECT_LE(cost_of(items, chosen), budget);
      EXPECT_GT(static_cast<double>(cost_of(items, chosen)), 0.99 * static_cast<double>(budget));
      EXPECT_LE(loss_of(items, chosen), before * 1.0001);
      before = loss_of(items, chosen);
    }
  }
}

TypeOption option(const Codec& codec, uint64_t bytes, double prior, double power, double relative) {
  return {.error = {.codec = &codec}, .bytes = bytes, .losses = {prior, power, relative}};
}

TEST(Choose, IsNoWorseThanARecipeThatFits) {
  // By the prior alone the first matrix gets all; a recipe shares the bytes and loses less power.
  const std::vector<TypeOptions> matrices = {
      {option(codec::q4_k, 10, 2, 1, 1), option(codec::q8_0, 20, 1, 0.9, 1)},
      {option(codec::q4_k, 10, 1, 5, 1), option(codec::q8_0, 20, 0.9, 1, 1)}};
  EXPECT_EQ(choose_within(matrices, {}, 30), (std::vector<size_t>{1, 0}));
  const std::vector<size_t> shared = {0, 1};
  RatedChoice recipe = rate(matrices, shared);
  recipe.name = "shared";
  EXPECT_EQ(recipe.bytes, 30u);
  const auto chosen = choose_within(matrices, std::span(&recipe, 1), 30);
  EXPECT_EQ(chosen, shared);
  EXPECT_TRUE(choose_within(matrices, {}, 19).empty());
  EXPECT_EQ(choose_within(matrices, {}, 40), (std::vector<size_t>{1, 1}));
  EXPECT_EQ(smallest(matrices), (std::vector<size_t>{0, 0}));
}

TEST(Choose, HearsTheMeasureInWhichARecipeIsBetter) {
  // Middle options: a little worse by the prior, far better by power than the extremes.
  const std::vector<TypeOptions> matrices = {
      {option(codec::q4_k, 10, 4, 9, 2), option(codec::q6_k, 15, 2, 2, 1),
       option(codec::q8_0, 20, 0.5, 1, 0.5)},
      {option(codec::q4_k, 10, 1.6, 30, 2), option(codec::q6_k, 15, 1.2, 2, 1),
       option(codec::q8_0, 20, 1, 1, 0.5)}};
  EXPECT_EQ(choose_within(matrices, {}, 30), (std::vector<size_t>{2, 0}));
  const RatedChoice recipe = {.name = "even", .bytes = 30, .losses = {3.3, 4.5, 2.5}};
  EXPECT_EQ(choose_within(matrices, std::span(&recipe, 1), 30), (std::vector<size_t>{1, 1}));
}

TEST(Sensitivity, SharesAKindAmongTheLayers) {
  const std::vector<MatrixPower> few = {{"output.weight", 5}, {"blk.0.ffn_down.weight", 2},
                                        {"blk.1.ffn_down.weight", 2}};
  const auto two = sensitivities(few, 2), twenty = sensitivities(few, 20);
  EXPECT_DOUBLE_EQ(two[0], twenty[0]);
  EXPECT_DOUBLE_EQ(two[1], 10 * twenty[1]);
  EXPECT_DOUBLE_EQ(two[1], two[2]);
}

TEST(Sensitivity, IsHigherWhereMoreIsComputedAndWhereTheHeadIsTied) {
  const std::vector<MatrixPower> uneven = {{"blk.0.attn_v.weight", 1}, {"blk.1.attn_v.weight", 4},
                                           {"token_embd.weight", 1}};
  const auto of = sensitivities(uneven, 2);
  EXPECT_DOUBLE_EQ(of[1], 2 * of[0]);
  const std::vector<MatrixPower> untied = {{"token_embd.weight", 1}, {"output.weight", 1}};
  EXPECT_GT(of[2], sensitivities(untied, 2)[0]);
}

TEST(Measure, OffersWhatFitsTheRowsAndNeedsNoImportance) {
  const auto names = [](const std::vector<const Codec*>& codecs) {
    std::string out;
    for (const Codec* codec : codecs) out += std::string(codec->name) + " ";
    return out;
  };
  EXPECT_EQ(names(candidate_types("blk.0.ffn_up.weight", {4, 512}, codec::bf16, false)),
            "Q2_K IQ3_S Q3_K IQ4_XS Q4_K Q5_K Q6_K Q8_0 BF16 ");
  EXPECT_EQ(names(candidate_types("blk.0.ffn_up.weight", {4, 96}, codec::f32, true)),
            "IQ4_NL Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 F16 F32 ");
  EXPECT_EQ(names(candidate_types("blk.0.ffn_up.weight", {4, 33}, codec::f32, true)), "F16 F32 ");
  EXPECT_EQ(names(candidate_types("blk.0.ffn_up.weight", {4, 256}, codec::bf16, true)).substr(0, 13),
            "IQ1_S IQ1_M I");
}

// Numbers of a block that can be said by hand: scale 1, codes rounded to whole numbers.
TEST(Measure, ErrorIsThatOfTheStoredValues) {
  std::vector<float> values(64, 1);
  values[0] = 127;          // Q8_0: the scale is 1
  values[1] = 2.25f;        // stored as 2
  values[32] = 127;
  values[33] = -3.25f;      // stored as -3
  const ValuePtr value = constant_f32(values, {2, 32}, codec::f32);
  const TypeError error = type_error(value, codec::q8_0, nullptr, {});
  double size = 0;
  for (const float x : values) size += double{x} * x;
  EXPECT_NEAR(error.plain, std::sqrt(2 * 0.0625 / size), 1e-12);
  EXPECT_DOUBLE_EQ(error.plain, error.weighted);
  auto importance = std::make_shared<std::vector<float>>(32, 0.0f);
  (*importance)[1] = 2;
  const TypeError weighted = type_error(value, codec::q8_0, importance, {});
  EXPECT_NEAR(weighted.weighted, std::sqrt(2 * 2 * 0.0625 / (2 * (5.0625 + 10.5625))), 1e-12);
  EXPECT_NEAR(weighted.power, 2 * (5.0625 + 10.5625) / 64, 1e-12);
}

TEST(Measure, SamplesRowsOfEveryMatrixOfAStack) {
  std::vector<float> values(3 * 8 * 32);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i / 32);
  const ValuePtr sample = sample_rows(constant_f32(values, {3, 8, 32}, codec::f32), 6 * 32);
  ASSERT_EQ(sample->shape(), (Shape{3, 2, 32}));
  FloatCensus ignored;
  std::vector<float> found(6 * 32);
  sample->read(0, 6 * 32, std::as_writable_bytes(std::span(found)), ignored);
  for (const auto& [row, from] : {std::pair{0, 0}, {1, 4}, {2, 8}, {3, 12}, {4, 16}, {5, 20}})
    EXPECT_EQ(found[static_cast<size_t>(row) * 32], static_cast<float>(from));
}

}  // namespace
}  // namespace recast
