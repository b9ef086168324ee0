#include <cmath>
#include <filesystem>

#include "convert/convert_testing.h"
#include "recast/convert.h"
#include "recast/inspect.h"

namespace recast {
namespace {

using namespace convert_testing;

std::string converted(const TinyModel& model, const char* name, Given given) {
  Watch watch;
  return *convert(tiny_options(model, name, given), watch)
              .find("outputs")->as_array()->front().find("path")->as_string();
}

json::Value errors(const std::string& a, const std::string& b, int threads = 1) {
  Watch watch;
  return inspect_errors({.reference = a, .compared = b, .threads = threads}, watch);
}

double number(const json::Value& document, std::string_view key) {
  const json::Value* value = document.find("total")->find(key);
  return value ? value->as_double().value_or(-1) : -1;
}
size_t count(const json::Value& document, std::string_view key) {
  return document.find(key)->as_array()->size();
}
std::string text(const json::Value& document, std::string_view key) {
  return *document.find(key)->as_string();
}

TEST(Errors, AnotherFormOfTheSameValuesHasNone) {
  const TinyModel model(codec::f32);
  const json::Value found = errors(model.path(), converted(model, "o.gguf", {}));
  EXPECT_EQ(text(found, "paired_by"), "role");
  EXPECT_EQ(number(found, "tensors"), 21);
  EXPECT_EQ(number(found, "relative_rmse"), 0);
  EXPECT_EQ(number(found, "max_abs_error"), 0);
  EXPECT_EQ(count(found, "only_reference") + count(found, "only_compared"), 0u);
}

// Half a step of 1/127 of the largest of 32 normal values is at most about one part in 200 of them.
TEST(Errors, PackingShowsInThePackedMatricesOnly) {
  const TinyModel model(codec::f32);
  const json::Value found = errors(model.path(), converted(model, "o.gguf", {{"quant", "q8_0"}}));
  for (const json::Value& row : *found.find("tensors")->as_array()) {
    const double error = row.find("relative_rmse")->as_double().value();
    EXPECT_EQ(text(row, "reference_type"), "F32");
    if (text(row, "type") == "Q8_0") {
      EXPECT_GT(error, 0.001);
      EXPECT_LT(error, 0.008);
    } else {
      EXPECT_EQ(error, 0) << text(row, "name");
    }
  }
}

TEST(Errors, OneChangedValueIsFoundAndMeasured) {
  const TinyModel a(codec::f32);
  TinyModel b(codec::f32);
  b.set("model.norm.weight", 5, 3.5f);
  const json::Value found = errors(a.path(), b.path());
  int changed = 0;
  for (const json::Value& row : *found.find("tensors")->as_array()) {
    if (row.find("max_abs_error")->as_double() == 0) continue;
    EXPECT_EQ(text(row, "name"), "model.norm.weight");
    EXPECT_EQ(text(row, "role"), "output_norm");
    EXPECT_NEAR(row.find("max_abs_error")->as_double().value(), 3.5, 0.3);
    ++changed;
  }
  EXPECT_EQ(changed, 1);
}

TEST(Errors, BareWeightsAreWhatTheOtherSideSays) {
  const TinyModel model(codec::f32);
  const std::string gguf = converted(model, "o.gguf", {});
  const std::string bare = model / "bare.safetensors";
  std::filesystem::copy_file(model / "tiny/model.safetensors", bare);
  for (const json::Value& found : {errors(bare, gguf), errors(gguf, bare)}) {
    EXPECT_EQ(text(found, "paired_by"), "role");
    EXPECT_EQ(number(found, "relative_rmse"), 0);
    EXPECT_EQ(number(found, "tensors"), 21);
  }
}

TEST(Errors, OtherShapesAreReportedAsSuch) {
  const TinyModel a(codec::f32, 40), b(codec::f32, 44);
  const json::Value found = errors(a.path(), b.path());
  ASSERT_EQ(count(found, "shape_differs"), 2u);
  const json::Value& row = found.find("shape_differs")->as_array()->front();
  EXPECT_EQ(json::write(*row.find("reference_shape")), "[40, 64]");
  EXPECT_EQ(json::write(*row.find("shape")), "[44, 64]");
  EXPECT_EQ(number(found, "tensors"), 19);
}

TEST(Errors, NanIsCountedAndSpoilsNoNumber) {
  const TinyModel a(codec::f32);
  TinyModel b(codec::f32);
  b.set("lm_head.weight", 7, NAN);
  EXPECT_EQ(number(errors(a.path(), b.path()), "lost"), 1);
  EXPECT_EQ(number(errors(b.path(), a.path()), "nonfinite"), 1);
  EXPECT_EQ(number(errors(a.path(), b.path()), "relative_rmse"), 0);
}

TEST(Errors, NothingInCommonIsRefused) {
  const TinyModel model(codec::f32);
  std::vector<float> values(4, 1);
  const auto write = [&](const char* file, const char* name) {
    const std::vector<SafetensorsTensor> table = {{name, "F32", {4}}};
    const SafetensorsLayout layout = plan_safetensors(table, {});
    std::string bytes(layout.file_bytes, '\0');
    std::memcpy(bytes.data(), layout.header.data(), layout.header.size());
    model.folder().write(file, bytes);
    return model / file;
  };
  const std::string a = write("a.safetensors", "alpha"), b = write("b.safetensors", "beta");
  EXPECT_EQ(error_of([&] { errors(a, b); }).code, &codes::no_counterpart);
  EXPECT_EQ(number(errors(a, a), "relative_rmse"), 0);
}

}  // namespace
}  // namespace recast
