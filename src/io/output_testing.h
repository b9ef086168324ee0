#pragma once

#include <string>
#include <vector>

#include "io/io_testing.h"
#include "io/output.h"

namespace recast::io_testing {

inline OutputOptions one_file(const std::string& folder, const std::string& name, uint64_t bytes) {
  OutputOptions options;
  options.folder = folder;
  options.name = name;
  options.files = {{name, bytes}};
  return options;
}

inline OutputOptions folder(const std::string& parent, const std::string& name,
                            std::vector<OutputFileSpec> files) {
  OutputOptions options;
  options.kind = OutputKind::folder;
  options.folder = parent;
  options.name = name;
  options.files = std::move(files);
  return options;
}

// Writes the texts as the files of the output and commits it.
inline void write_whole(const OutputOptions& options, const std::vector<std::string>& texts) {
  const auto out = Output::open(options);
  for (size_t i = 0; i < texts.size(); ++i) out->write_at(i, 0, bytes_of(texts[i]));
  out->commit();
}

// The way convert goes on: what the journal has is hashed again and kept when it is right, every
// other step is written. Returns how many steps were kept.
inline int write_in_steps(Output& out, const std::vector<std::string>& texts, size_t step_bytes) {
  int kept = 0;
  int64_t step = 0;
  for (size_t file = 0; file < texts.size(); ++file)
    for (size_t at = 0; at < texts[file].size(); at += step_bytes, ++step) {
      const std::string piece = texts[file].substr(at, step_bytes);
      const Hash128 hash = xxh3_128(bytes_of(piece));
      bool done = false;
      for (const auto& earlier : out.resumed())
        if (earlier.step == step && earlier.hash == hash) {
          std::string there(piece.size(), '\0');
          out.reopen(file)->read_at(at, std::as_writable_bytes(std::span(there)));
          done = there == piece;
        }
      kept += done;
      if (!done) out.write_at(file, at, bytes_of(piece));
      if (!done) out.step_done(step, hash, piece.size());
    }
  return kept;
}

}  // namespace recast::io_testing
