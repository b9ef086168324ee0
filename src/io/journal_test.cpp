#include "io/journal.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "io/io_testing.h"
#include "io/output_testing.h"
#include "io/staging_name.h"

namespace recast {
namespace {

using io_testing::bytes_of;
using io_testing::code_of;
using io_testing::one_file;
using io_testing::Scratch;
using Names = std::vector<std::string>;

const JournalPlan sample_plan = {
    .fingerprint = "f\"\\\n\xff",
    .folder_part = ".x.part-1-00000000",
    .folder_inode = 77,
    .files = {{"a\nb", "p", 5, 6}, {std::string("\0z", 2), "q", UINT64_MAX, 0}}};

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Descriptor(
        system_calls().open(AT_FDCWD, scratch_.path().c_str(), O_RDONLY | O_DIRECTORY, 0));
    Journal journal = Journal::create(folder_.get(), "j", "j", sample_plan);
    const Output::DoneStep first[] = {{0, {1, 2}}, {7, {UINT64_MAX, 3}}};
    journal.append_done(first);
    const Output::DoneStep second[] = {{9, {4, 5}}};
    journal.append_done(second);
    journal.close();
    text_ = scratch_.read("j");
  }
  std::optional<JournalContent> read() { return read_journal(folder_.get(), "j", "j"); }

  Scratch scratch_;
  Descriptor folder_;
  std::string text_;
};

TEST_F(JournalTest, ReadsBackWhatWasAppended) {
  const auto content = read();
  ASSERT_TRUE(content);
  EXPECT_EQ(content->plan, sample_plan);
  ASSERT_EQ(content->done.size(), 3u);
  EXPECT_EQ(content->done[1].step, 7);
  EXPECT_EQ(content->done[1].hash, (Hash128{UINT64_MAX, 3}));
  EXPECT_EQ(content->done[2].step, 9);
  EXPECT_FALSE(content->committed);
  EXPECT_EQ(content->valid_bytes, text_.size());
  EXPECT_EQ(content->next_sequence, 3u);
}

TEST_F(JournalTest, NoFileAndNoWholeFirstRecordAreNoJournal) {
  EXPECT_FALSE(read_journal(folder_.get(), "none", "none"));
  const size_t first = text_.find('\n');
  for (size_t n = 0; n <= first; ++n) {
    scratch_.write("j", text_.substr(0, n));
    EXPECT_FALSE(read()) << n;
  }
}

TEST_F(JournalTest, TornLastRecordIsDroppedAtEveryLength) {
  const size_t last = text_.rfind('\n', text_.size() - 2) + 1;
  for (size_t n = last; n < text_.size(); ++n) {
    scratch_.write("j", text_.substr(0, n));
    const auto content = read();
    ASSERT_TRUE(content) << n;
    EXPECT_EQ(content->done.size(), 2u) << n;
    EXPECT_EQ(content->valid_bytes, last);
  }
  // A power cut may leave the length but not the bytes.
  scratch_.write("j", text_.substr(0, last) + std::string(text_.size() - last - 1, '\0') + "\n");
  ASSERT_TRUE(read());
  EXPECT_EQ(read()->done.size(), 2u);
  // Continued, the torn end is gone.
  Journal journal = Journal::resume(folder_.get(), "j", "j", *read());
  const Output::DoneStep again[] = {{9, {4, 5}}};
  journal.append_done(again);
  EXPECT_EQ(scratch_.read("j"), text_);
}

TEST_F(JournalTest, EveryFlippedBitBeforeTheLastRecordIsRefused) {
  const size_t last = text_.rfind('\n', text_.size() - 2) + 1;
  // All but the line end before the last record: without that the two are one torn record.
  for (size_t i = 0; i + 1 < last; ++i) {
    std::string broken = text_;
    broken[i] = static_cast<char>(broken[i] ^ 0x10);
    scratch_.write("j", broken);
    SCOPED_TRACE(i);
    EXPECT_CODE(read(), journal_damaged);
  }
}

TEST_F(JournalTest, LostAndSwappedRecordsAreRefused) {
  const size_t second = text_.find('\n') + 1, third = text_.find('\n', second) + 1;
  scratch_.write("j", text_.substr(0, second) + text_.substr(third) + "x");
  EXPECT_CODE(read(), journal_damaged);
  scratch_.write("j", text_.substr(second));
  EXPECT_CODE(read(), journal_damaged);
}

TEST_F(JournalTest, CommitIsTakenBackOnResume) {
  {
    Journal journal = Journal::resume(folder_.get(), "j", "j", *read());
    journal.append_commit();
  }
  const auto content = read();
  EXPECT_TRUE(content->committed);
  EXPECT_EQ(content->done.size(), 3u);
  Journal::resume(folder_.get(), "j", "j", *content);
  EXPECT_EQ(scratch_.read("j"), text_);
}

OutputOptions journaled(const std::string& folder, const std::string& plan = "plan A") {
  auto options = one_file(folder, "m", 20);
  options.journal = true;
  options.journal_batch_bytes = 5;
  options.plan_fingerprint = plan;
  return options;
}
const std::string text = "aaaaabbbbbcccccddddd";

// Writes the first half and stops as after a signal.
void stop_half_way(const std::string& folder) {
  const auto out = Output::open(journaled(folder));
  io_testing::write_in_steps(*out, {text.substr(0, 10)}, 5);
  out->keep_for_resume();
}

TEST(Resume, StoppedRunGoesOn) {
  const Scratch scratch;
  stop_half_way(scratch.path());
  EXPECT_EQ(scratch.names().size(), 2u);
  EXPECT_TRUE(scratch.has(journal_name("m")));
  EXPECT_FALSE(scratch.has(lock_name("m")));
  auto options = journaled(scratch.path());
  options.demand_journal = true;
  Output::check(options);
  const auto out = Output::open(options);
  EXPECT_EQ(io_testing::write_in_steps(*out, {text}, 5), 2);
  out->commit();
  EXPECT_EQ(scratch.names(), Names{"m"});
  EXPECT_EQ(scratch.read("m"), text);
}

TEST(Resume, KeepsWhatTheBatchHeldBack) {
  const Scratch scratch;
  auto options = journaled(scratch.path());
  options.journal_batch_bytes = 1 << 20;
  {
    const auto out = Output::open(options);
    io_testing::write_in_steps(*out, {text.substr(0, 10)}, 5);
    EXPECT_EQ(read_journal(AT_FDCWD, scratch / journal_name("m"), "j")->done.size(), 0u);
    out->keep_for_resume();
  }
  EXPECT_EQ(Output::open(options)->resumed().size(), 2u);
}

TEST(Resume, RefusedRunDoesNotCostTheEarlierOne) {
  const Scratch scratch;
  stop_half_way(scratch.path());
  const auto before = scratch.names();
  Error error;
  EXPECT_EQ(code_of([&] { Output::open(journaled(scratch.path(), "plan B")); }, &error),
            &codes::journal_mismatch);
  EXPECT_NE(error.expected.find("plan B"), std::string::npos);
  EXPECT_NE(error.found.find("plan A"), std::string::npos);
  EXPECT_NE(error.code->fix.find("--restart"), std::string::npos);
  EXPECT_CODE(Output::check(journaled(scratch.path(), "plan B")), journal_mismatch);
  {
    const io_testing::Fault fault(io_testing::Call::statvfs, 1, EIO);
    EXPECT_CODE(Output::open(journaled(scratch.path())), write_failed);
  }
  EXPECT_EQ(scratch.names(), before);
  EXPECT_EQ(Output::open(journaled(scratch.path()))->resumed().size(), 2u);
}

TEST(Resume, RestartThrowsTheJournalAway) {
  const Scratch scratch;
  stop_half_way(scratch.path());
  auto options = journaled(scratch.path(), "plan B");
  options.restart = true;
  const auto out = Output::open(options);
  EXPECT_TRUE(out->resumed().empty());
  io_testing::write_in_steps(*out, {text}, 5);
  out->commit();
  EXPECT_EQ(scratch.names(), Names{"m"});
}

TEST(Resume, DemandedJournalMustExist) {
  const Scratch scratch;
  auto options = journaled(scratch.path());
  options.demand_journal = true;
  EXPECT_CODE(Output::check(options), journal_missing);
  EXPECT_CODE(Output::open(options), journal_missing);
  EXPECT_EQ(scratch.names(), Names{});
}

TEST(Resume, LostPartMeansStartingOver) {
  const Scratch scratch;
  stop_half_way(scratch.path());
  for (const auto& name : scratch.names())
    if (is_part_name(name, "m")) std::filesystem::remove(scratch / name);
  const auto out = Output::open(journaled(scratch.path()));
  EXPECT_TRUE(out->resumed().empty());
  EXPECT_FALSE(out->notes().empty());
  io_testing::write_in_steps(*out, {text}, 5);
  out->commit();
  EXPECT_EQ(scratch.read("m"), text);
}

TEST(Resume, DamagedStepIsFoundByItsHash) {
  const Scratch scratch;
  stop_half_way(scratch.path());
  for (const auto& name : scratch.names())
    if (is_part_name(name, "m")) std::filesystem::resize_file(scratch / name, 7);
  // Of another size: starting over. Of the same size: the caller's hash tells.
  for (const auto& name : scratch.names())
    if (is_part_name(name, "m")) std::filesystem::resize_file(scratch / name, 20);
  const auto out = Output::open(journaled(scratch.path()));
  EXPECT_EQ(out->resumed().size(), 2u);
  EXPECT_EQ(io_testing::write_in_steps(*out, {text}, 5), 1);
  out->commit();
  EXPECT_EQ(scratch.read("m"), text);
}

TEST(Resume, DamagedJournalIsRefusedWithTheWayOut) {
  const Scratch scratch;
  stop_half_way(scratch.path());
  std::string journal = scratch.read(journal_name("m"));
  journal[journal.size() / 3] ^= 1;
  scratch.write(journal_name("m"), journal);
  EXPECT_CODE(Output::open(journaled(scratch.path())), journal_damaged);
  EXPECT_EQ(scratch.names().size(), 2u);
  auto options = journaled(scratch.path());
  options.restart = true;
  io_testing::write_whole(options, {text});
  EXPECT_EQ(scratch.names(), Names{"m"});
}

}  // namespace
}  // namespace recast
