#include "convert/step_writer.h"

#include "codec/codecs.h"
#include "convert/convert_testing.h"
#include "tensor/fill.h"
#include "tensor/lazy_ops.h"

namespace recast {
namespace {

using namespace convert_testing;

// Remembers where each write begins and ends.
class WriteLog : public MemoryOutput {
 public:
  explicit WriteLog(const Plan& plan) : MemoryOutput(plan) {}
  void write_at(size_t file, uint64_t offset, std::span<const std::byte> bytes) override {
    MemoryOutput::write_at(file, offset, bytes);
    runs.emplace_back(offset, offset + bytes.size());
  }
  std::vector<std::pair<uint64_t, uint64_t>> runs;
};

// Pushes a step of `bytes` from `offset` on in units of `unit` bytes, as the executor does.
std::vector<std::pair<uint64_t, uint64_t>> runs_of(uint64_t offset, uint64_t bytes, uint64_t unit) {
  Plan plan;
  plan.layout.files.push_back({"file", offset + bytes});
  WriteLog output(plan);
  const Step step{.file = 0, .offset = offset, .bytes = bytes};
  StepWriter writer(output, step, slab_bytes + 2 * unit);
  uint64_t at = 0;
  while (at < bytes) {
    const uint64_t n = std::min(bytes - at, (writer.missing() + unit - 1) / unit * unit);
    const std::span<std::byte> room = writer.room(n);
    for (std::byte& b : room) b = static_cast<std::byte>(at++ % 251);
    writer.push(n);
  }
  writer.finish();
  for (uint64_t i = 0; i < bytes; ++i) {
    EXPECT_EQ(output.writes[0][offset + i], 1);
    EXPECT_EQ(output.files[0][offset + i], static_cast<std::byte>(i % 251));
    if (testing::Test::HasFailure()) break;
  }
  return output.runs;
}

TEST(StepWriter, EndsEveryWriteButTheLastAtAMultiple) {
  for (const uint64_t offset : {uint64_t{0}, uint64_t{32}, slab_bytes - 7, slab_bytes})
    for (const uint64_t unit : {uint64_t{1}, uint64_t{34}, uint64_t{5000}, slab_bytes}) {
      const uint64_t bytes = 3 * slab_bytes + 12345;
      const auto runs = runs_of(offset, bytes, unit);
      ASSERT_FALSE(runs.empty());
      for (size_t i = 0; i + 1 < runs.size(); ++i) EXPECT_EQ(runs[i].second % slab_bytes, 0u);
      EXPECT_EQ(runs.back().second, offset + bytes);
    }
}

TEST(StepWriter, WritesAStepShorterThanASlabAtOnce) {
  EXPECT_EQ(runs_of(64, 100, 10), (std::vector<std::pair<uint64_t, uint64_t>>{{64, 164}}));
}

TEST(SlabCut, TakesRowsWholeWhereTheyFit) {
  const ValuePtr rows = noise({.name = "rows"}, {8, 4096}, codec::f32);
  const ValuePtr packed = cast(rows, codec::q8_0);
  const SlabCut cut(*packed, packed->elements());
  EXPECT_EQ(cut.unit, 4096);
  EXPECT_EQ(cut.unit_bytes, 4096u / 32 * 34);
  EXPECT_EQ(cut.reaching(1), 4096);
  EXPECT_EQ(cut.reaching(cut.unit_bytes + 1), 2 * 4096);
}

TEST(SlabCut, CutsLongRowsThatOnlyMove) {
  const int64_t row = static_cast<int64_t>(slab_bytes);  // of 4 bytes each
  const auto file = std::make_shared<MemoryFile>("f", std::vector<std::byte>(slab_bytes * 8));
  EXPECT_EQ(SlabCut(*stored(file, 0, {2, row}, codec::f32), 2 * row).unit, 1);
  EXPECT_EQ(SlabCut(*cast(noise({.name = "n"}, {2, row}, codec::f32), codec::q4_0), 2 * row).unit, row);
}

// What the plan admits for a step is what the writer needs: nothing it is asked for passes it.
TEST(SlabCut, BoundsWhatIsHeld) {
  for (const int64_t row : {int64_t{32}, int64_t{640}, int64_t{4096}, int64_t{1} << 20}) {
    const ValuePtr value = cast(noise({.name = "n"}, {5, row}, codec::f32), codec::q8_0);
    const uint64_t bytes = value->bytes();
    const SlabCut cut(*value, value->elements());
    const uint64_t most = cut.most_bytes(bytes);
    EXPECT_LE(most, bytes);
    uint64_t at = 0, held = 0;
    const uint64_t offset = 96;
    while (at < bytes) {
      const uint64_t missing = slab_bytes - (offset + at) % slab_bytes;
      const uint64_t n = std::min(bytes - at, value->codec().bytes(cut.reaching(missing)));
      ASSERT_LE(held + n, most) << "row " << row;
      at += n;
      held = std::min(held + n, (offset + at) % slab_bytes);
    }
  }
}

}  // namespace
}  // namespace recast
