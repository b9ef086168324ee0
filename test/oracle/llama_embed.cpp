// What llama.cpp's library computes beside logits of a decoder, raw on stdout:
//   llama_embed LIBDIR tokens   MODEL IDS         float32 [ids, width]: last hidden state, no
//   pooling llama_embed LIBDIR pooled   MODEL IDS...      float32 [texts, width]: pooled as the
//   file says llama_embed LIBDIR seq2seq  MODEL IDS IDS     float32 [decoder ids, vocabulary]:
//   logits llama_embed LIBDIR tokenize MODEL             int32: for each line of stdin the count
//   and the ids;
//                                                 the model is loaded as a vocabulary alone
// IDS: numbers joined by commas. F32 cache, no flash attention, one thread, so that two files with
// equal tensors give equal bits. Built by peers.py: g++ -std=c++20 -O1 llama_embed.cpp -ldl
#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

// Parameter structures of llama.h (v0.5.0), declared by hand up to the members that are set here.
// They are passed by value, in memory (System V x86-64), so a larger block with the same front is
// as good.
struct ModelParams {
  void* devices_and_overrides[2];
  int32_t layers_modes_gpu[5];
  void* split_callbacks_overrides[4];
  bool vocab_only;
  unsigned char rest[400];
};
static_assert(offsetof(ModelParams, vocab_only) == 72);

struct ContextParams {
  uint32_t n_ctx, n_batch, n_ubatch, n_seq_max, recurrent_and_outputs[3];
  int32_t n_threads, n_threads_batch, context_type, rope_scaling_type, pooling_type, attention_type,
      flash_attn_type;
  uint32_t rope_and_yarn[8];
  void* eval_callback[2];
  int32_t type_k, type_v;
  void* abort_callback[2];
  bool embeddings;
  unsigned char rest[400];
};
static_assert(offsetof(ContextParams, type_k) == 104 && offsetof(ContextParams, embeddings) == 128);

struct Batch {
  int32_t n_tokens;
  int32_t* token;
  float* embd;
  int32_t* pos;
  int32_t* n_seq_id;
  int32_t** seq_id;
  int8_t* logits;
};

constexpr uint32_t context_tokens = 512;
constexpr int32_t pooling_as_the_file_says = -1, pooling_none = 0;

using Ids = std::vector<int32_t>;

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "llama_embed: %s\n", why.c_str());
  std::exit(1);
}

void* open_library(const std::filesystem::path& folder, std::string_view prefix) {
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().filename().string().starts_with(prefix))
      if (void* library = dlopen(entry.path().c_str(), RTLD_NOW | RTLD_GLOBAL)) return library;
  stop("no " + std::string(prefix) + "* in " + folder.string());
}

Ids parse_ids(std::string_view text) {
  Ids ids;
  for (const char* at = text.data(); *at;) {
    char* end = nullptr;
    ids.push_back(static_cast<int32_t>(std::strtol(at, &end, 10)));
    if (end == at) stop("no number in the ids");
    at = *end == ',' ? end + 1 : end;
  }
  return ids;
}

void log_errors(int level, const char* text, void*) {
  constexpr int error = 4;
  if (level == error) std::fputs(text, stderr);
}

class Llama {
 public:
  explicit Llama(const std::filesystem::path& folder) {
    void* ggml = open_library(folder, "libggml.v");
    library_ = open_library(folder, "libllama.v");
    call<void>("llama_log_set", &log_errors, static_cast<void*>(nullptr));
    reinterpret_cast<void (*)(const char*)>(dlsym(ggml, "ggml_backend_load_all_from_path"))(
        folder.c_str());
    call<void>("llama_backend_init");
  }

  template <class Result, class... Arguments>
  Result call(const char* name, Arguments... arguments) const {
    void* function = dlsym(library_, name);
    if (!function) stop(std::string("the library has no ") + name);
    return reinterpret_cast<Result (*)(Arguments...)>(function)(arguments...);
  }

  void load(const char* path, bool vocab_only) {
    auto params = call<ModelParams>("llama_model_default_params");
    params.vocab_only = vocab_only;
    model_ = call<void*>("llama_model_load_from_file", path, params);
    if (!model_) stop(std::string("cannot load ") + path);
    vocab_ = call<const void*>("llama_model_get_vocab", static_cast<const void*>(model_));
  }

  void* context(int32_t pooling, bool embeddings) const {
    auto params = call<ContextParams>("llama_context_default_params");
    params.n_ctx = params.n_batch = params.n_ubatch = context_tokens;
    params.n_threads = params.n_threads_batch = 1;
    params.pooling_type = pooling;
    params.flash_attn_type = params.type_k = params.type_v = 0;  // none, F32
    params.embeddings = embeddings;
    void* context = call<void*>("llama_init_from_model", model_, params);
    if (!context) stop("cannot make a context");
    return context;
  }

  Batch batch(const Ids& ids) const {
    const auto count = static_cast<int32_t>(ids.size());
    Batch out = call<Batch>("llama_batch_init", count, int32_t{0}, int32_t{1});
    out.n_tokens = count;
    for (int32_t i = 0; i < count; ++i) {
      out.token[i] = ids[static_cast<size_t>(i)];
      out.pos[i] = i;
      out.n_seq_id[i] = 1;
      out.seq_id[i][0] = 0;
      out.logits[i] = 1;
    }
    return out;
  }

  void encode(void* context, const Ids& ids) const {
    if (call<int32_t>("llama_encode", context, batch(ids)) != 0) stop("llama_encode failed");
  }
  void decode(void* context, const Ids& ids) const {
    if (call<int32_t>("llama_decode", context, batch(ids)) != 0) stop("llama_decode failed");
  }

  void write(const float* values, int32_t count) const {
    if (!values) stop("the library gives no values");
    std::fwrite(values, sizeof(float), static_cast<size_t>(count), stdout);
  }
  int32_t width() const {
    return call<int32_t>("llama_model_n_embd", static_cast<const void*>(model_));
  }
  int32_t tokens() const { return call<int32_t>("llama_vocab_n_tokens", vocab_); }
  const void* vocab() const { return vocab_; }

 private:
  void* library_ = nullptr;
  void* model_ = nullptr;
  const void* vocab_ = nullptr;
};

void hidden_state(const Llama& llama, const Ids& ids) {
  void* context = llama.context(pooling_none, true);
  llama.encode(context, ids);
  for (int32_t i = 0; i < static_cast<int32_t>(ids.size()); ++i)
    llama.write(llama.call<float*>("llama_get_embeddings_ith", context, i), llama.width());
}

void pooled(const Llama& llama, const std::vector<Ids>& texts) {
  for (const Ids& ids : texts) {
    void* context = llama.context(pooling_as_the_file_says, true);
    llama.encode(context, ids);
    llama.write(llama.call<float*>("llama_get_embeddings_seq", context, int32_t{0}), llama.width());
  }
}

void seq2seq(const Llama& llama, const Ids& source, const Ids& target) {
  void* context = llama.context(pooling_as_the_file_says, false);
  llama.encode(context, source);
  llama.decode(context, target);
  for (int32_t i = 0; i < static_cast<int32_t>(target.size()); ++i)
    llama.write(llama.call<float*>("llama_get_logits_ith", context, i), llama.tokens());
}

// Special tokens are read out of the text and none is added.
void tokenize(const Llama& llama) {
  const std::string text(std::istreambuf_iterator<char>(std::cin), {});
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    Ids ids(end - start + 16);
    const int32_t count = llama.call<int32_t>("llama_tokenize", llama.vocab(), text.data() + start,
                                              static_cast<int32_t>(end - start), ids.data(),
                                              static_cast<int32_t>(ids.size()), false, true);
    if (count < 0) stop("more tokens than bytes");
    std::fwrite(&count, sizeof(count), 1, stdout);
    std::fwrite(ids.data(), sizeof(int32_t), static_cast<size_t>(count), stdout);
    start = end + 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) stop("usage: LIBDIR tokens|pooled|seq2seq|tokenize MODEL [IDS]...");
  const std::string_view command = argv[2];
  std::vector<Ids> ids;
  for (int i = 4; i < argc; ++i) ids.push_back(parse_ids(argv[i]));
  Llama llama(argv[1]);
  llama.load(argv[3], command == "tokenize");
  if (command == "tokens" && ids.size() == 1)
    hidden_state(llama, ids[0]);
  else if (command == "pooled")
    pooled(llama, ids);
  else if (command == "seq2seq" && ids.size() == 2)
    seq2seq(llama, ids[0], ids[1]);
  else if (command == "tokenize")
    tokenize(llama);
  else
    stop("unknown command");
  return 0;
}
