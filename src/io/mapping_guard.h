#pragma once

#include <cstddef>

namespace recast {

// A file that is cut while it is mapped raises SIGBUS on the next read beyond its new end. Guarded
// mappings turn that into zeros and a mark, so that the reader can throw instead of dying. One
// process-wide SIGBUS action serves all; faults elsewhere go to the action that stood before.

// Starts guarding [base, base + length). Returns the entry, or -1 when all entries are taken: then
// do not use the mapping.
int guard_mapping(void* base, size_t length);
// Whether a read inside the mapping faulted.
bool mapping_cut(int entry);
// Ends it. Requires: no one reads the mapping; call before munmap.
void release_mapping(int entry);

}  // namespace recast
