/* The lists of slots that add up to mortar points. */
#ifndef UA_SLOTS_H
#define UA_SLOTS_H

#include "mesh.h"

/* Renumber the mortar points of a mesh by the length of their lists, and form these. The
 * patches must have been indexed, and the fixed points marked. */
void mesh_list_slots(struct mesh *m);

#endif
