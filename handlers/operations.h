/* The operations that the route table names, and the tables of their bodies. */
#ifndef MONOCEROS_HANDLERS_OPERATIONS_H
#define MONOCEROS_HANDLERS_OPERATIONS_H

#include "handlers/operation.h"
#include "server/json/decode.h"

extern const struct operation op_list_datasets, op_put_dataset, op_get_dataset, op_delete_dataset;
extern const struct operation op_create_seeds, op_import_seeds, op_list_seeds, op_get_seed;
extern const struct operation op_expand_seeds, op_list_seed_templates;
extern const struct operation op_list_captions, op_get_caption, op_import_captions,
    op_stream_captions;
extern const struct operation op_list_dialogues, op_get_dialogue, op_stream_dialogues;
extern const struct operation op_list_failures;
extern const struct operation op_create_run, op_list_runs, op_get_run, op_get_run_result;
extern const struct operation op_pause_run, op_resume_run, op_cancel_run, op_retry_run,
    op_get_run_events;
extern const struct operation op_create_export, op_list_exports, op_get_export, op_delete_export;
extern const struct operation op_cancel_export, op_get_export_events, op_get_export_result;
extern const struct operation op_create_review, op_list_reviews, op_get_review;
extern const struct operation op_lease_review_items, op_give_verdicts, op_list_verdicts;
extern const struct operation op_list_representations, op_lookup_representations;
extern const struct operation op_import_embeddings;
extern const struct operation op_export_npy, op_export_safetensors, op_export_ids;
extern const struct operation op_get_export_file;
extern const struct operation op_compute_representations, op_create_embeddings;
extern const struct operation op_create_transfer, op_list_transfers, op_get_transfer;
extern const struct operation op_get_transfer_file;
extern const struct operation op_put_image_moments, op_import_image_moments, op_list_image_moments;
extern const struct operation op_get_report, op_get_gap_report, op_compare_reports;
extern const struct operation op_list_prompts, op_get_prompt, op_create_prompt, op_preview_prompt;
extern const struct operation op_list_providers, op_get_provider;
extern const struct operation op_get_provider_limits, op_put_provider_limits;
extern const struct operation op_list_encoders, op_get_encoder, op_create_encoder_version;
extern const struct operation op_create_key, op_list_keys, op_get_key, op_revoke_key, op_rotate_key,
    op_list_audit;
extern const struct operation op_sign_url;
extern const struct operation op_healthz, op_readyz, op_metrics, op_openapi, op_get_problem;

extern const struct field dataset_fields[], seeds_fields[], run_fields[], resume_fields[],
    lookup_fields[], compute_fields[], embeddings_fields[], review_fields[], lease_fields[],
    verdicts_fields[], prompt_fields[], preview_fields[], expand_fields[], provider_limits_fields[],
    transfer_fields[], image_moments_fields[], key_fields[], rotate_fields[], sign_fields[],
    export_fields[];

/* Values of query parameters and members, by number. */
enum { FORMAT_FLOAT, FORMAT_BASE64 };
extern const char *const encoding_formats[], *const prompt_stages[], *const transfer_states[];
enum { DTYPE_FLOAT32, DTYPE_FLOAT16 };
extern const char *const dtypes[];
enum { VIEW_DEFAULT, VIEW_ALL };
enum { DIALOGUE_MONOCEROS, DIALOGUE_LLAVA };
enum { VERDICT_ACCEPTED, VERDICT_REJECTED, VERDICT_CORRECTED, VERDICT_SKIPPED };
extern const char *const review_verdicts[];

/* Encoders answer for texts of at most so many characters. */
enum { INPUT_TEXTS_MAX = 2048, INPUT_CHARS_MAX = 8000, NAME_CHARS_MAX = 64 };

#endif
