/* openapi-generator's C client, on libcurl, through the whole story. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/DatasetsAPI.h"
#include "api/RepresentationsAPI.h"
#include "api/ResultsAPI.h"
#include "api/RunsAPI.h"
#include "api/SeedsAPI.h"
#include "model/problem.h"

static char *dataset;
static char *const transfer = "mean_shift";
static const long every_row = 1000000000; /* a number that is 0 is sent too, and refused */
static char *last_answer;                 /* of a request whose error is asked for */

static void *need(void *p, const char *what, const apiClient_t *api)
{
    if (!p) {
        fprintf(stderr, "%s: status %ld\n", what, api->response_code);
        exit(1);
    }
    return p;
}

static apiClient_t *client(const char *key)
{
    apiClient_t *api = apiClient_create_with_base_path(getenv("URL"), NULL, NULL);
    api->accessToken = strdup(key);
    return api;
}

/* The client hands out no body of an error, but shows each piece as it comes. */
static void keep_answer(void **data, long *length)
{
    free(last_answer);
    last_answer = strndup(*data, (size_t)*length);
}

static void add_number(cJSON *list, double value)
{
    cJSON_AddItemToArray(list, cJSON_CreateNumber(value));
}

static void add_text(cJSON *list, const char *text)
{
    cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

static cJSON *add_list(cJSON *list)
{
    cJSON *one = cJSON_CreateArray();
    cJSON_AddItemToArray(list, one);
    return one;
}

/* What the answer to the last request of `api` says, which has to be a problem. */
static void add_problem(cJSON *out, const char *name, apiClient_t *api)
{
    cJSON *parsed = cJSON_Parse(last_answer), *said = cJSON_AddObjectToObject(out, name);
    problem_t *problem = need(parsed ? problem_parseFromJSON(parsed) : NULL, name, api);
    listEntry_t *entry;
    cJSON_AddNumberToObject(said, "status", (double)api->response_code);
    cJSON_AddStringToObject(said, "type", problem->type);
    cJSON *pointers = cJSON_AddArrayToObject(said, "pointers");
    list_ForEach(entry, problem->errors)
        add_text(pointers, ((field_error_t *)entry->data)->pointer);
    problem_free(problem);
    cJSON_Delete(parsed);
}

static void make_dataset(cJSON *out, apiClient_t *api)
{
    int shards = 4;
    dataset_request_t body = {.shards = &shards, .description = "A story"};
    dataset_t *made =
        need(DatasetsAPI_putDataset(api, dataset, NULL, NULL, &body), "put_dataset", api);
    cJSON *list = cJSON_AddArrayToObject(out, "dataset");
    add_text(list, made->name);
    add_number(list, *made->shards);
    dataset_free(made);
}

static void import_seeds(cJSON *out, apiClient_t *api)
{
    char lines[65536];
    FILE *file = need(fopen(getenv("SEEDS"), "rb"), "the seeds", api);
    binary_t body = {(uint8_t *)lines, (unsigned int)fread(lines, 1, sizeof(lines), file)};
    fclose(file);
    import_counts_t *counts =
        need(SeedsAPI_importSeeds(api, dataset, &body, "story", NULL, NULL), "import_seeds", api);
    cJSON *list = cJSON_AddArrayToObject(out, "imported");
    add_number(list, (double)*counts->received);
    add_number(list, (double)*counts->_new);
    add_number(list, (double)*counts->refused);
    import_counts_free(counts);
}

static void finish_run(cJSON *out, apiClient_t *api)
{
    run_request_t body = {.stages = list_createList()};
    list_addElement(body.stages, "captions");
    list_addElement(body.stages, "dialogues");
    list_addElement(body.stages, "representations");
    run_t *run = need(RunsAPI_createRun(api, dataset, &body, NULL), "create_run", api);
    while (run->state == monoceros_run_STATE_queued || run->state == monoceros_run_STATE_running) {
        char *id = strdup(run->id);
        run_free(run);
        run = need(RunsAPI_getRun(api, id, "25s"), "get_run", api);
        free(id);
    }
    cJSON *list = cJSON_AddArrayToObject(out, "run");
    add_text(list, run->id);
    add_text(list, run_state_ToString(run->state));
    cJSON *stages = add_list(list);
    listEntry_t *entry;
    list_ForEach(entry, run->stages)
    {
        run_stage_t *stage = entry->data;
        cJSON *one = add_list(stages);
        add_text(one, run_stage_name_ToString(stage->name));
        add_number(one, (double)*stage->done);
    }
    run_free(run);
    list_freeList(body.stages);
}

static void page_captions(cJSON *out, apiClient_t *api)
{
    cJSON *pages = cJSON_AddArrayToObject(out, "captions");
    int size = 4;
    char *token = NULL;
    do {
        caption_list_t *page =
            need(ResultsAPI_listCaptions(api, dataset, NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL,
                                         NULL, NULL, &size, token),
                 "list_captions", api);
        cJSON *rows = add_list(pages);
        listEntry_t *entry;
        list_ForEach(entry, page->items)
        {
            cJSON *one = add_list(rows);
            add_text(one, ((caption_t *)entry->data)->id);
            add_text(one, ((caption_t *)entry->data)->text);
        }
        free(token);
        token = page->next_page_token ? strdup(page->next_page_token) : NULL;
        caption_list_free(page);
    } while (token);
}

static void fetch_dialogues(cJSON *out, apiClient_t *api)
{
    int size = 1000;
    dialogue_list_t *page =
        need(ResultsAPI_listDialogues(api, dataset, NULL, NULL, 0, 0, 0, &size, NULL),
             "list_dialogues", api);
    cJSON *rows = cJSON_AddArrayToObject(out, "dialogues");
    listEntry_t *entry;
    list_ForEach(entry, page->items)
    {
        dialogue_t *dialogue = entry->data;
        cJSON *one = add_list(rows);
        add_text(one, dialogue->id);
        add_text(one, dialogue_task_ToString(dialogue->task));
        add_number(one, (double)dialogue->conversations->count);
    }
    dialogue_list_free(page);
}

static void fetch_vectors(cJSON *out, apiClient_t *api)
{
    representation_list_t *floats =
        need(RepresentationsAPI_listRepresentations(api, dataset, transfer, NULL, 0, NULL, NULL),
             "floats", api);
    representation_list_t *packed =
        need(RepresentationsAPI_listRepresentations(
                 api, dataset, transfer, NULL, monoceros_listRepresentations_ENCODINGFORMAT_base64,
                 NULL, NULL),
             "base64", api);
    cJSON *vectors = cJSON_AddObjectToObject(out, "vectors");
    cJSON *texts = cJSON_AddObjectToObject(out, "base64");
    listEntry_t *entry, *value;
    list_ForEach(entry, floats->items)
    {
        representation_t *item = entry->data;
        cJSON *vector = cJSON_AddArrayToObject(vectors, item->id);
        list_ForEach(value, item->vector) add_number(vector, *(double *)value->data);
    }
    list_ForEach(entry, packed->items)
    {
        representation_t *item = entry->data;
        cJSON_AddStringToObject(texts, item->id, item->vector_base64);
    }
    representation_list_free(floats);
    representation_list_free(packed);
}

static void save_npy(apiClient_t *api)
{
    binary_t *npy = need(RepresentationsAPI_exportNpy(api, dataset, transfer, NULL, NULL, NULL, 0,
                                                      NULL, every_row, 0, NULL),
                         "export_npy", api);
    FILE *file = need(fopen(getenv("NPY"), "wb"), "the file", api);
    if (fwrite(npy->data, 1, npy->len, file) != npy->len || fclose(file) != 0)
        need(NULL, "the file", api);
    free(npy->data);
    free(npy);
}

static void prepare_noise(cJSON *out, apiClient_t *api)
{
    long seed = 9007199254740991;
    transfer_parameters_t parameters = {.seed = &seed};
    transfer_request_t body = {.method = monoceros_transfer_request_METHOD_noise,
                               .parameters = &parameters};
    transfer_t *made =
        need(RepresentationsAPI_createTransfer(api, dataset, &body), "create_transfer", api);
    cJSON_AddNumberToObject(out, "int64", (double)*made->parameters->seed);
    transfer_free(made);
}

static void provoke_problems(cJSON *out, apiClient_t *api, apiClient_t *stranger)
{
    char other[128];
    seed_input_t good = {.text = "A dog."}, blank = {.text = " "};
    seeds_request_t seeds = {.seeds = list_createList()};
    list_addElement(seeds.seeds, &good);
    list_addElement(seeds.seeds, &blank);
    snprintf(other, sizeof(other), "%s-not", dataset);
    api->data_callback_func = stranger->data_callback_func = keep_answer;
    ResultsAPI_listCaptions(api, other, NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL,
                            NULL);
    add_problem(out, "missing", api);
    ResultsAPI_listCaptions(api, dataset, NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL,
                            NULL, "nonsense");
    add_problem(out, "malformed", api);
    SeedsAPI_createSeeds(api, dataset, &seeds, NULL);
    add_problem(out, "invalid", api);
    DatasetsAPI_getDataset(stranger, dataset);
    add_problem(out, "stranger", stranger);
    list_freeList(seeds.seeds);
}

int main(void)
{
    apiClient_t *api = client(getenv("KEY")), *stranger = client("wrong");
    cJSON *out = cJSON_CreateObject();
    dataset = getenv("DATASET");
    make_dataset(out, api);
    import_seeds(out, api);
    finish_run(out, api);
    page_captions(out, api);
    fetch_dialogues(out, api);
    fetch_vectors(out, api);
    save_npy(api);
    prepare_noise(out, api);
    provoke_problems(out, api, stranger);
    char *text = cJSON_PrintUnformatted(out);
    puts(text);
    free(text);
    cJSON_Delete(out);
    free(last_answer);
    apiClient_free(api);
    apiClient_free(stranger);
    return 0;
}
