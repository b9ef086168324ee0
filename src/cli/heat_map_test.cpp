#include "cli/heat_map.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

namespace recast::cli {
namespace {

const Terminal pipe{}, screen{.is_terminal = true, .unicode = true},
    ascii{.is_terminal = true}, painted{.is_terminal = true, .color = true, .unicode = true};

TEST(HeatMap, SharersOfAPlaceAreAveragedByTheirWeights) {
  const HeatMap map = make_heat_map({{"up", 0, 0.1, 300}, {"up", 0, 0.3, 100}}, 80);
  ASSERT_EQ(map.rows.size(), 1u);
  EXPECT_DOUBLE_EQ(map.rows[0].cells[0].value(), 0.15);
}

TEST(HeatMap, MoreLayersThanColumnsShareThem) {
  std::vector<MapEntry> entries;
  for (int layer = 0; layer < 96; ++layer)
    entries.push_back({"q", layer, 0.01 * (layer % 2 + 1), 1});
  const HeatMap map = make_heat_map(entries, 80);
  EXPECT_EQ(map.per_column, 2);
  ASSERT_EQ(map.rows[0].cells.size(), 48u);
  EXPECT_DOUBLE_EQ(map.rows[0].cells[47].value(), 0.015);
  EXPECT_NE(heat_map_text(map, screen).find("each is the mean of 2 layers"), std::string::npos);
  EXPECT_EQ(make_heat_map({{"q", 79, 0.1, 1}}, 80).per_column, 1);
}

TEST(HeatMap, LevelsAreEvenSharesOfTheLogarithm) {
  const HeatMap map = make_heat_map({{"a", 0, 1e-6, 1}, {"a", 1, 1.0, 1}}, 80);
  int expected = 0;
  for (const double error : {2e-6, 2e-5, 2e-4, 2e-3, 2e-2, 2e-1})
    EXPECT_EQ(map_level(map, error), expected++) << error;
  EXPECT_EQ(map_level(map, 0), 0);
  EXPECT_EQ(map_level(map, 1.0), 5);
  EXPECT_EQ(map_level(map, 1e9), 5);
}

TEST(HeatMap, IsDrawnInSixSigns) {
  const HeatMap map = make_heat_map({{"attn_q", 0, 1e-6, 1},
                                     {"attn_q", 1, 2e-5, 1},
                                     {"attn_q", 2, 1.0, 1},
                                     {"attn_norm", 0, 0, 1},
                                     {"ffn_up", 2, 2e-3, 1},
                                     {"output", -1, 2e-2, 1}},
                                    80);
  EXPECT_EQ(heat_map_text(map, screen),
            "     scale 0.0001 % [ ·░▒▓█] 100 % relative RMSE, log scale\n"
            "     layer 0 2\n"
            "    attn_q  ·█\n"
            "    ffn_up xx▒\n"
            "    output ▓ 2 %\n"
            "         x no such tensor in this layer\n"
            "  no error attn_norm\n");
  EXPECT_NE(heat_map_text(map, ascii).find("    attn_q  .#\n    ffn_up xx-\n    output + 2 %\n"),
            std::string::npos);
  EXPECT_NE(heat_map_text(map, pipe).find("attn_q\t .#\nffn_up\txx-\n"), std::string::npos);
  EXPECT_NE(heat_map_text(map, painted).find("\x1b[48;5;221;38;5;16m█\x1b[0m"), std::string::npos);
}

TEST(HeatMap, FitsTheTerminal) {
  std::vector<MapEntry> entries;
  constexpr int least = 62;  // the line of the scale
  for (int layer = 0; layer < 200; ++layer) entries.push_back({"attn_q", layer, 0.1 + layer, 1});
  for (const int width : {40, 80, 132}) {
    Terminal terminal = screen;
    terminal.width = width;
    const std::string text =
        heat_map_text(make_heat_map(entries, map_columns(entries, terminal)), terminal);
    for (size_t start = 0; start < text.size();) {
      const size_t end = text.find('\n', start);
      EXPECT_LE(display_width(text.substr(start, end - start)), std::max(width, least));
      start = end + 1;
    }
  }
}

TEST(HeatMap, HostileRolesAreEscapedAndShortened) {
  const HeatMap map = make_heat_map({{"\x1b[31m" + std::string(300, 'x'), 0, 0.1, 1}}, 80);
  const std::string text = heat_map_text(map, screen);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("..."), std::string::npos);
  EXPECT_LT(text.size(), 400u);
}

TEST(HeatMap, NumbersOfADocumentAreTakenAsTheyCome) {
  const auto document = json::parse(R"([
      {"role": "a", "layer": 1, "relative_rmse": 0.5, "weights": 8},
      {"role": "b", "relative_rmse": null}, {"relative_rmse": "x"}, 7,
      {"role": "c", "layer": 4000000000000, "relative_rmse": -1}])", {});
  const auto entries = map_entries(*document.as_array());
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].layer, 1);
  EXPECT_EQ(entries[0].weights, 8);
  EXPECT_EQ(entries[1].layer, 99'999);
  EXPECT_EQ(entries[1].error, 0);
  EXPECT_LE(make_heat_map(entries, 80).per_column * 80, 100'080);
}

// Lightness L* of CIE 1976, from sRGB.
double lightness(std::string_view hex) {
  const auto linear = [&](size_t at) {
    const double v = std::stoi(std::string(hex.substr(at, 2)), nullptr, 16) / 255.0;
    return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  };
  const double y = 0.2126 * linear(1) + 0.7152 * linear(3) + 0.0722 * linear(5);
  return y > 0.008856 ? 116 * std::cbrt(y) - 16 : 903.3 * y;
}

TEST(MapRamp, GoesFromDarkToLightInEvenSteps) {
  for (size_t i = 1; i < map_ramp.size(); ++i) {
    const double step = lightness(map_ramp[i].hex) - lightness(map_ramp[i - 1].hex);
    EXPECT_GT(step, 12) << i;
    EXPECT_LT(step, 20) << i;
  }
}

TEST(MapRamp, TerminalAndPageShowTheSameColours) {
  constexpr int steps[] = {0, 95, 135, 175, 215, 255};  // of the 6x6x6 cube of xterm
  for (const MapColor& color : map_ramp) {
    const int cube = color.terminal - 16;
    EXPECT_EQ(color.hex, fmt::format("#{:02x}{:02x}{:02x}", steps[cube / 36], steps[cube / 6 % 6],
                                     steps[cube % 6]));
    EXPECT_EQ(color.is_dark, lightness(color.hex) < 50);
  }
}

}  // namespace
}  // namespace recast::cli
