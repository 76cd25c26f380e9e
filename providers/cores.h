/* The cores of the machine, shared by all that computes in this process: the threads of the CLIP
 * encoders, and the stage and request threads while they do offline work. Each takes one for a
 * while, in the order of asking, so that there is never more to run than there are cores. Without
 * CLIP encoders there is nothing to share, and nobody waits. */
#ifndef MONOCEROS_PROVIDERS_CORES_H
#define MONOCEROS_PROVIDERS_CORES_H

/* How many there are to share; 0: as many as are online. */
void cores_set(int n);
/* Sharing begins, returns the number, and ends; both while nobody holds a core. */
int cores_share(void);
void cores_share_no_more(void);

/* Waits for one. What takes long gives its core up now and then, for whoever waits. */
void cores_take(void);
void cores_give(void);

#endif
