#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "arch/canonical.h"
#include "arch/recognise.h"
#include "convert/assemble.h"

namespace recast {

// A base with the members of a partial config laid over it.
json::Value overlaid(json::Value base, const json::Value& overlay);

// The type that holds the most bytes; null without tensors.
const Codec* main_codec(const Checkpoint& checkpoint);

// Makes the target of a conversion out of its source: names and forms, types, metadata, files. What
// a GGUF needs is in assemble_gguf.cpp, what a folder or a bare container needs in assemble_hf.cpp.
class Assembler {
 public:
  Assembler(const Request& request, const Checkpoint& source)
      : request_(request), options_(request.options), source_(source) {}
  Target run();

 private:
  Checkpoint& out() { return target_.checkpoint; }
  std::vector<Finding>& warnings() { return target_.warnings; }
  bool to_gguf() const { return request_.to->convention == Convention::gguf; }
  // the files as they are.
  Target copy();
  void recognise_or_refuse(bool needed);
  // A folder is a whole model: without its config it is damaged, unless the user says what it is.
  void refuse_bare_folder(const Recognition& known) const;
  // what no config says, names and shapes of the tensors do, or it is asked for.
  void take_shapes(const Recognition& known);
  // the target's own field for the context, and the scaling that gives a longer one meaning.
  void set_positions();
  // Another convention: names and forms through the roles of the architecture.
  void cross();
  static void add_sources(const RoleTensor& tensor, std::vector<std::string>& sources);
  void report_unknown(const std::vector<std::string>& unknown);
  // GGUF keeps vectors in f32 whatever the model's type is; a folder gets them back in that type
  // where no value changes.
  Canonical narrowed(Canonical canonical);
  void keep_names();
  // Chooses the stored type of every tensor and wraps it in a cast.
  void set_types();
  // Tensor i in another type.
  void pack(size_t i, const Codec& type);
  std::vector<const Codec*> gguf_types();
  // The tensor's row of the importance matrix where it decides about bytes; null: none. Throws
  // imatrix_needed.
  ImportanceValues importance_for(const Tensor& tensor, const Codec& type);
  void report_importance();
  void finish_gguf(bool crosses);
  // Fakes stay fakes through further conversions.
  void mark_fake();
  uint32_t file_type_number() const;
  const std::vector<Tensor>& out_tensors() const { return target_.checkpoint.tensors; }
  void gguf_metadata_from_hf();
  void note_side_file(const std::string& name, const std::vector<std::string>& used);
  void keep_gguf_metadata();
  void finish_hf(bool crosses);
  void hf_files_from_gguf(const Codec& dtype);
  // Keys of a GGUF that no config and no tokenizer file says: carried, or listed as dropped.
  void keep_gguf_keys();
  static json::Value without(json::Value config, std::initializer_list<std::string_view> keys);
  void keep_hf_files(const Codec& dtype);
  // Weights are read as they are stored; a config that says another type is no contradiction to
  // settle, but worth a line of the report.
  void note_stated_dtype();
  void drop_what_has_no_place();
  // BASE-ENCODING.gguf, BASE-FORMAT with the usual extension elsewhere.
  void name_target();

  const Request& request_;
  const ConvertOptions& options_;
  const Checkpoint& source_;
  Target target_;
  ModelFacts facts_;
  json::Value config_;
  json::Value restored_;  // config members that an own GGUF carried
  std::string config_file_;
  bool provenance_ = true;
  size_t weighted_ = 0;                  // tensors that are packed by importance
  std::vector<std::string> unweighted_;  // ... that the matrix says nothing of
};

}  // namespace recast
