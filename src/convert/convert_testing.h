#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "codec/codecs.h"
#include "convert/options.h"
#include "convert/plan.h"
#include "io/io_testing.h"
#include "io/memory_file.h"
#include "wire/safetensors.h"

// What the tests of this room share: a tiny model in a folder, options as the command line gives
// them, an output in memory.
namespace recast::convert_testing {

using io_testing::Scratch;

// A Llama of 2 layers and width 64 as Hugging Face stores it, without a tokenizer.
class TinyModel {
 public:
  explicit TinyModel(const Codec& codec = codec::bf16, int64_t vocab = 40)
      : scratch_(io_testing::memory_folder()), codec_(&codec), vocab_(vocab) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal(0, 0.05f);
    const auto add = [&](std::string name, Shape shape) {
      std::vector<float> values(static_cast<size_t>(element_count(shape).value()));
      for (float& v : values) v = normal(random);
      tensors_.push_back({std::move(name), std::move(shape), std::move(values)});
    };
    add("model.embed_tokens.weight", {vocab, 64});
    for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
      add(layer + "input_layernorm.weight", {64});
      add(layer + "self_attn.q_proj.weight", {64, 64});
      add(layer + "self_attn.k_proj.weight", {32, 64});
      add(layer + "self_attn.v_proj.weight", {32, 64});
      add(layer + "self_attn.o_proj.weight", {64, 64});
      add(layer + "post_attention_layernorm.weight", {64});
      add(layer + "mlp.gate_proj.weight", {96, 64});
      add(layer + "mlp.up_proj.weight", {96, 64});
      add(layer + "mlp.down_proj.weight", {64, 96});
    }
    add("model.norm.weight", {64});
    add("lm_head.weight", {vocab, 64});
    save();
  }

  std::string path() const { return scratch_ / "tiny"; }
  const Scratch& folder() const { return scratch_; }
  std::string operator/(const std::string& name) const { return scratch_ / name; }

  // Changes one value of a tensor and stores the model again.
  void set(std::string_view name, size_t index, float value) {
    for (auto& tensor : tensors_)
      if (tensor.name == name) tensor.values.at(index) = value;
    save();
  }

 private:
  struct Floats {
    std::string name;
    Shape shape;
    std::vector<float> values;
  };

  void save() const {
    std::vector<SafetensorsTensor> table;
    for (const Floats& t : tensors_) table.push_back({t.name, codec_->name, t.shape});
    const SafetensorsLayout layout = plan_safetensors(table, {{"format", "pt"}});
    std::string file(layout.file_bytes, '\0');
    std::memcpy(file.data(), layout.header.data(), layout.header.size());
    for (size_t i = 0; i < tensors_.size(); ++i)
      codec_->encode(tensors_[i].values.data(),
                     reinterpret_cast<std::byte*>(file.data() + layout.offsets[i]),
                     static_cast<int64_t>(tensors_[i].values.size()));
    scratch_.write("tiny/model.safetensors", file);
    json::Value config = json::parse(R"({
      "architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 1,
      "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 64, "intermediate_size": 96,
      "max_position_embeddings": 128, "model_type": "llama", "my_own": {"a": [1, 2.50, null]},
      "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2,
      "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "tie_word_embeddings": false})", {});
    config.set("vocab_size", vocab_);
    scratch_.write("tiny/config.json", json::write(config, 2));
  }

  Scratch scratch_;
  const Codec* codec_;
  int64_t vocab_;
  std::vector<Floats> tensors_;
};

using Given = std::initializer_list<std::pair<const char*, const char*>>;

// Options as the command line sets them, in order.
inline ConvertOptions options_for(const std::string& source, const std::string& output,
                                  Given given) {
  ConvertOptions options;
  options.source = source;
  set_option(options, *find_option("output"), output);
  for (const auto& [name, value] : given) set_option(options, *find_option(name), value);
  return options;
}
// The same for a tiny model: no tokenizer, no manifest.
inline ConvertOptions tiny_options(const TinyModel& model, const std::string& output,
                                   Given given) {
  ConvertOptions options = options_for(model.path(), model / output, given);
  for (const char* name : {"no-tokenizer", "no-manifest"})
    set_option(options, *find_option(name), "");
  return options;
}

// Keeps the warnings; `at_work` runs at every advance.
class Watch : public Progress {
 public:
  std::function<void()> at_work;

  void begin(Stage, uint64_t) override {}
  void advance(Stage, uint64_t, std::string_view) override {
    if (at_work) at_work();
  }
  void end(Stage) override {}
  void warn(const Finding& finding) override {
    std::lock_guard lock(mutex_);
    warnings_.push_back(finding);
  }
  int count(const ErrorCode& code) const {
    int n = 0;
    for (const Finding& finding : warnings_) n += finding.code == &code ? 1 : 0;
    return n;
  }

 private:
  std::mutex mutex_;
  std::vector<Finding> warnings_;
};

inline Plan plan_of(const ConvertOptions& options) {
  Watch watch;
  return make_plan(options, watch);
}

// Files in memory; counts how often each byte was written.
class MemoryOutput : public Output {
 public:
  explicit MemoryOutput(const Plan& plan) {
    for (const OutputFileSpec& file : plan.layout.files) {
      files.emplace_back(file.bytes);
      writes.emplace_back(file.bytes);
    }
  }
  void write_at(size_t file, uint64_t offset, std::span<const std::byte> bytes) override {
    ASSERT_LE(offset + bytes.size(), files.at(file).size());
    std::copy(bytes.begin(), bytes.end(), files[file].begin() + static_cast<ptrdiff_t>(offset));
    for (size_t i = 0; i < bytes.size(); ++i) ++writes[file][offset + i];
  }
  const std::vector<DoneStep>& resumed() const override { return done; }
  void step_done(int64_t, Hash128, uint64_t) override { ++steps; }
  void sync() override {}
  std::shared_ptr<const File> reopen(size_t file) const override {
    return std::make_shared<MemoryFile>("part", files.at(file));
  }
  std::string staging_path() const override { return ""; }
  std::string part_name(size_t) const override { return "part"; }
  void rename(size_t, const std::string&) override {}
  void commit() override {}
  void keep_for_resume() override { kept = true; }
  const std::vector<std::string>& notes() const override { return no_notes_; }
  const std::vector<Finding>& warnings() const override { return no_warnings_; }

  std::vector<std::vector<std::byte>> files;
  std::vector<std::vector<uint8_t>> writes;
  std::vector<DoneStep> done;
  std::atomic<int64_t> steps{0};
  bool kept = false;

 private:
  std::vector<std::string> no_notes_;
  std::vector<Finding> no_warnings_;
};

inline const PlanItem& item_named(const Plan& plan, std::string_view name) {
  for (const PlanItem& item : plan.items)
    if (item.name == name) return item;
  ADD_FAILURE() << "no item " << name;
  return plan.items.front();
}

// The Error that `call` throws; one without a code when it throws none.
template <class Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {};
}

}  // namespace recast::convert_testing
