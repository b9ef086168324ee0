#include "arch/derive.h"

#include <chrono>

#include "arch/arch_testing.h"
#include "arch/families.h"
#include "arch/recognise.h"

namespace recast {
namespace {

using namespace arch_testing;

Checkpoint tiny(const Architecture& arch, Convention convention) {
  return tiny_checkpoint(tiny_canonical(facts_of(arch, tiny_config(arch))), convention);
}

TEST(Derive, EveryFamilyFitsItsOwnTensors) {
  for (const Architecture* arch : all_architectures())
    for (const Convention convention : {Convention::hf, Convention::gguf}) {
      const Checkpoint model = tiny(*arch, convention);
      const NameCensus census = take_census(model);
      const Fit found = fit(census, FamilyNames(*arch, convention), nullptr);
      std::string unexplained;
      const FamilyNames names(*arch, convention);
      for (const NameSort& sort : census.sorts)
        if (!names.find(sort.pattern)) unexplained += " " + sort.pattern;
      EXPECT_EQ(found.explained, census.tensors)
          << arch->name << " " << convention_name(convention) << unexplained;
      EXPECT_TRUE(found.complete)
          << arch->name << " " << convention_name(convention) << " " << json::write(found.config);
    }
}

}  // namespace
}  // namespace recast
