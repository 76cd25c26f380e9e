// openapi-generator's Go client through the whole story.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	"story/monoceros"
)

var dataset = os.Getenv("DATASET")

type said struct {
	Status   int32    `json:"status"`
	Type     string   `json:"type"`
	Pointers []string `json:"pointers"`
}

func must[T any, R any](made T, _ R, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return made
}

// What the client's error says about a request that fails.
func problem[T any, R any](_ T, _ R, err error) *said {
	var failed *monoceros.GenericOpenAPIError
	if !errors.As(err, &failed) {
		log.Fatalf("no error of the API: %v", err)
	}
	told, ok := failed.Model().(monoceros.Problem)
	if !ok {
		log.Fatalf("no problem: %s", failed.Body())
	}
	out := said{told.Status, told.Type, []string{}}
	for _, one := range told.Errors {
		out.Pointers = append(out.Pointers, one.Pointer)
	}
	return &out
}

func client() *monoceros.APIClient {
	settings := monoceros.NewConfiguration()
	settings.Servers = monoceros.ServerConfigurations{{URL: os.Getenv("URL")}}
	return monoceros.NewAPIClient(settings)
}

func with(key string) context.Context {
	return context.WithValue(context.Background(), monoceros.ContextAccessToken, key)
}

func captions(ctx context.Context, api *monoceros.APIClient) [][][2]string {
	pages, request := [][][2]string{}, api.ResultsAPI.ListCaptions(ctx, dataset).PageSize(4)
	for {
		page := must(request.Execute())
		ids := [][2]string{}
		for _, caption := range page.Items {
			ids = append(ids, [2]string{caption.Id, caption.Text})
		}
		pages = append(pages, ids)
		if !page.HasNextPageToken() {
			return pages
		}
		request = request.PageToken(page.GetNextPageToken())
	}
}

func finish(ctx context.Context, api *monoceros.APIClient) *monoceros.Run {
	wanted := monoceros.NewRunRequest([]string{"captions", "dialogues", "representations"})
	run := must(api.RunsAPI.CreateRun(ctx, dataset).RunRequest(*wanted).Execute())
	for run.State == "queued" || run.State == "running" {
		run = must(api.RunsAPI.GetRun(ctx, run.Id).Wait("25s").Execute())
	}
	return run
}

func saveNpy(ctx context.Context, api *monoceros.APIClient) {
	file := must(api.RepresentationsAPI.ExportNpy(ctx, dataset).Transfer("mean_shift").Execute())
	defer os.Remove(file.Name())
	bytes, err := io.ReadAll(file)
	if err == nil {
		err = os.WriteFile(os.Getenv("NPY"), bytes, 0o600)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	api, ctx := client(), with(os.Getenv("KEY"))
	body := monoceros.NewDatasetRequest()
	body.SetShards(4)
	body.SetDescription("A story")
	made := must(api.DatasetsAPI.PutDataset(ctx, dataset).DatasetRequest(*body).Execute())
	lines, err := os.Open(os.Getenv("SEEDS"))
	if err != nil {
		log.Fatal(err)
	}
	counts := must(api.SeedsAPI.ImportSeeds(ctx, dataset).Body(lines).Source("story").Execute())
	run := finish(ctx, api)
	stages := [][2]any{}
	for _, stage := range run.Stages {
		stages = append(stages, [2]any{stage.Name, stage.Done})
	}
	dialogues := [][3]any{}
	for _, d := range must(api.ResultsAPI.ListDialogues(ctx, dataset).PageSize(1000).Execute()).Items {
		dialogues = append(dialogues, [3]any{d.Id, d.GetTask(), len(d.Conversations)})
	}
	read := api.RepresentationsAPI.ListRepresentations(ctx, dataset).Transfer("mean_shift")
	vectors, packed := map[string][]float64{}, map[string]string{}
	for _, item := range must(read.Execute()).Items {
		vectors[item.Id] = item.Vector
	}
	for _, item := range must(read.EncodingFormat("base64").Execute()).Items {
		packed[item.Id] = item.GetVectorBase64()
	}
	saveNpy(ctx, api)
	noise := monoceros.NewTransferRequest("noise")
	noise.SetParameters(monoceros.TransferParameters{Seed: monoceros.PtrInt64(1<<53 - 1)})
	transfer := must(api.RepresentationsAPI.CreateTransfer(ctx, dataset).TransferRequest(*noise).Execute())
	seeds := monoceros.NewSeedsRequest([]monoceros.SeedInput{{Text: "A dog."}, {Text: " "}})
	out, err := json.Marshal(map[string]any{
		"dataset":   []any{made.Name, made.Shards},
		"imported":  []any{counts.Received, counts.New, counts.Refused},
		"run":       []any{run.Id, run.State, stages},
		"captions":  captions(ctx, api),
		"dialogues": dialogues,
		"vectors":   vectors,
		"base64":    packed,
		"int64":     transfer.Parameters.GetSeed(),
		"missing":   problem(api.ResultsAPI.ListCaptions(ctx, dataset+"-not").Execute()),
		"malformed": problem(api.ResultsAPI.ListCaptions(ctx, dataset).PageToken("nonsense").Execute()),
		"invalid":   problem(api.SeedsAPI.CreateSeeds(ctx, dataset).SeedsRequest(*seeds).Execute()),
		"stranger":  problem(api.DatasetsAPI.GetDataset(with("wrong"), dataset).Execute()),
	})
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout.Write(append(out, '\n'))
}
