/* lineage_int.h - what the files of this folder share. */
#ifndef MR_RDD_LINEAGE_INT_H
#define MR_RDD_LINEAGE_INT_H

#include "rdd/lineage.h"

/* What STATE and REDUCE_WINDOW with an inverse do with the state of a key; in the arena.  The
 * lineage must live as long. */
const MrKeyedState *mr__lineage_keyed_state(MrArena *arena, const MrLineage *lineage);

#endif
