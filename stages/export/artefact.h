/* Private to the exports: a file that nobody sees before it is whole. It is written under a hidden
 * name of its lease, brought to the disk, and then given the name by which it is registered. */
#ifndef MONOCEROS_STAGES_EXPORT_ARTEFACT_H
#define MONOCEROS_STAGES_EXPORT_ARTEFACT_H

#include "server/base/buf.h"
#include "stages/export/export.h"

/* Zeroed: none. */
struct artefact {
    struct export_file
        file;       /* bytes and sha256 are set by artefact_finish, the rest by its owner */
    struct buf out; /* what comes next; whoever appends to it calls artefact_wrote */
    bool in_place;  /* its start is written last: it is read again for its digest */
    int directory, fd;
    char temporary[EXPORT_PATH_MAX]; /* empty: there is none any more */
    bool complete;                   /* it is under its path */
    uint64_t flushed, sent;
    struct sha256_state digest;
};

/* "<name>.<token>" */
void artefact_path(char path[EXPORT_PATH_MAX], const char *name, int64_t token);
/* Creates the hidden file for file.path. What an earlier try of the same lease left is replaced. */
int artefact_open(struct artefact *a, int directory, struct err *e);
/* A hidden file that stays one, for what goes behind the rest at the end. */
int artefact_open_spool(struct artefact *a, const struct artefact *of, struct err *e);
/* To be called when something was appended: writes what has gathered once it is much. */
int artefact_wrote(struct artefact *a, struct err *e);
int artefact_flush(struct artefact *a, struct err *e);
/* Writes over the start, which must have been written as something of the same length before. */
int artefact_patch(struct artefact *a, struct str start, struct err *e);
/* Appends the bytes of another open file, from its start. */
int artefact_append_file(struct artefact *a, int fd, struct err *e);
/* The digest, the bytes to the disk, the name. The directory is left to the caller. */
int artefact_finish(struct artefact *a, struct err *e);
int artefact_sync_directory(int directory, struct err *e);
/* Removes the file unless it is complete and to be kept. Also of a zeroed struct. */
void artefact_close(struct artefact *a, bool keep);
/* -1 with ERR_UNAVAILABLE and the system's words for errno. */
int artefact_fail(const char *verb, const char *name, struct err *e);

#endif
