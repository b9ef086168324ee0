#pragma once

#include "arch/canonical.h"
#include "convert/assemble.h"

// Models of several modalities: the language part converts, the others only stay where all
// names stay.
namespace recast {

// The config that describes the language part alone, as a model of the family's own class; any other
// config as it is.
json::Value language_part(const json::Value& config, const Architecture& arch);

// Refuses tensors of other modalities, or lists them as left out when `text_only` asks for it.
// Throws other_modalities.
void leave_modalities_out(const Canonical& canonical, bool text_only, const std::string& source,
                          Target& target);

// Warns when the option had nothing to leave out.
void warn_of_text_only(bool text_only, const std::string& source, Target& target);

}  // namespace recast
