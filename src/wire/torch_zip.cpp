// STEM/data.pkl, STEM/byteorder ("little" or "big"; absent: little), STEM/version, STEM/data/KEY.
// The folder is named after the file at the time of saving. Source: PyTorch,
// torch/serialization.py and caffe2/serialize/inline_container.cc.
#include <fmt/format.h>

#include "wire/torch_file.h"
#include "wire/zip.h"

namespace recast {
namespace {

// Larger archives are not read whole for the sake of their CRCs: only the pickle is.
constexpr uint64_t checked_archive_bytes = 16 << 20;
constexpr uint64_t most_byteorder_bytes = 16;

[[noreturn]] void fail_other(const File& file, std::string_view what) {
  fail(codes::format_not_read,
       {.expected = "a file of torch.save", .found = std::string(what), .file = file.name()});
}

// An archive of torch.jit has code; one without it, or with another pickle, is none.
bool is_script(const ZipArchive& zip, const std::string& stem) {
  if (zip.find(stem + "model.json") && !zip.find(stem + "data.pkl")) return true;
  const ZipMember* pickle = zip.find(stem + "data.pkl");
  if (!pickle || !zip.find(stem + "constants.pkl")) return false;
  bool has_code = false;
  for (const ZipMember& member : zip.members())
    has_code = has_code || member.name.starts_with(stem + "code/");
  constexpr std::string_view start =
      "\x80\x02"
      "c__torch__";
  const ZipContent content = zip.content(*pickle);
  if (!has_code || content.bytes < start.size()) return false;
  const Window window = content.file->window(content.offset, start.size());
  return std::string_view(reinterpret_cast<const char*>(window.bytes().data()), start.size()) ==
         start;
}

bool is_big_endian(const ZipArchive& zip, const std::string& stem) {
  const ZipMember* member = zip.find(stem + "byteorder");
  if (!member) return false;
  const ZipContent content = zip.content(*member);
  ByteReader in(content.file, content.offset, content.bytes);
  std::string order = in.get_text(content.bytes, most_byteorder_bytes, "byteorder");
  while (order.ends_with('\n')) order.pop_back();
  if (order != "little" && order != "big")
    in.fail(codes::torch_record,
            {.expected = "byteorder little or big", .found = printable(order)});
  return order == "big";
}

// One warning for all of them: a file that was saved without CRCs has a wrong one in every member.
void check_crcs(const ZipArchive& zip, const std::vector<const ZipMember*>& members,
                TorchFile& out) {
  std::vector<const ZipMember*> wrong;
  for (const ZipMember* member : members)
    if (!zip.has_right_crc(*member)) wrong.push_back(member);
  if (wrong.empty()) return;
  out.warnings.push_back(
      Error(codes::zip_crc, {.where = fmt::format("member \"{}\"", printable(wrong[0]->name)),
                             .expected = fmt::format("CRC-32 {:08x}", wrong[0]->crc),
                             .found = fmt::format("another one in {} members", wrong.size()),
                             .file = out.name}));
}

}  // namespace

TorchFile read_torch_zip(std::shared_ptr<const File> file, CrcCheck check) {
  const ZipArchive zip(file);
  if (zip.members().empty())
    fail(codes::torch_record,
         {.expected = "data.pkl", .found = "an empty archive", .file = file->name()});
  const std::string& first = zip.members().front().name;
  const std::string stem = first.substr(0, first.find('/') + 1);
  if (is_script(zip, stem)) fail_other(*file, "TorchScript model");
  if (zip.find(stem + "archive_format")) fail_other(*file, "program of torch.export");
  const ZipMember* member = stem.empty() ? nullptr : zip.find(stem + "data.pkl");
  if (!member)
    fail(codes::torch_record, {.expected = fmt::format("the member {}data.pkl",
                                                       stem.empty() ? "FOLDER/" : printable(stem)),
                               .found = "no such member",
                               .file = file->name()});

  TorchFile out{.name = file->name()};
  const bool check_all =
      check == CrcCheck::small_archives && file->size() <= checked_archive_bytes;
  std::vector<const ZipMember*> checked = {member};
  const ZipContent content = zip.content(*member);
  ByteReader in(content.file, content.offset, content.bytes);
  out.object = read_pickle(in, is_storage_id);
  out.big_endian = is_big_endian(zip, stem);
  const std::string data = stem + "data/";
  for (const ZipMember& storage : zip.members()) {
    if (!storage.name.starts_with(data)) continue;
    if (check_all) checked.push_back(&storage);
    const ZipContent bytes = zip.content(storage);
    out.storages.emplace(storage.name.substr(data.size()),
                         TorchExtent{bytes.file, bytes.offset, bytes.bytes});
  }
  check_crcs(zip, checked, out);
  return out;
}

}  // namespace recast
