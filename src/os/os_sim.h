/* os_sim.h - a world with a seed, for tests.
 *
 * Files live in memory as two images: what a reader sees now, and what a power cut would leave.  A
 * sync moves bytes from the first to the second; names created, renamed or removed become durable
 * with dir_sync of their folder. */
#ifndef MR_OS_OS_SIM_H
#define MR_OS_OS_SIM_H

#include "os/os.h"

typedef struct MrSimOptions {
    uint64_t seed;
    int64_t start_us; /* wall clock at the beginning */
    bool torn_writes; /* a cut keeps any subset of the unsynced 512-byte sectors and names;
                         without it a cut drops all that is unsynced */
    bool count_reads; /* opening, reading and listing count as I/O too, and so can fail */
} MrSimOptions;

MR_MUST_USE MrStatus mr_os_sim_create(MrBudget *budget, const MrSimOptions *options, MrOs **out,
                                      MrError *err);
void mr_os_sim_destroy(MrOs *os);

void mr_os_sim_advance_us(MrOs *os, int64_t us);
/* Number of calls that could fail or be durable so far (writes, syncs, names). */
int64_t mr_os_sim_n_io(MrOs *os);
/* The call with this number (counted from 1) fails with MR_IO; 0: none.  sticky: all later ones
 * too. */
void mr_os_sim_fail_io(MrOs *os, int64_t k, bool sticky);
/* From the call with this number on, every call fails as if the machine had lost power there. */
void mr_os_sim_cut_at(MrOs *os, int64_t k);
/* What is on the disk after the cut; open files are gone, calls work again. */
void mr_os_sim_power_on(MrOs *os);
/* The step does nothing while it is off (MUTANT). */
void mr_os_sim_skip_step(MrOs *os, MrDurableStep step, bool off);
/* Whoever connects to this port reads these bytes (borrowed) in random pieces; then the connection
 * closes, or stays silent. */
void mr_os_sim_serve(MrOs *os, int port, MrText bytes, bool close_after);

#endif
