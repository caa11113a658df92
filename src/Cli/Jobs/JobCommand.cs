using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Jobs;

/// <summary><c>osv job ...</c>: numbers of equal tenants, placed together.</summary>
internal static class JobCommand
{
    public static Command Create() => new("job", "Placement jobs: replicas with constraints.") { Submit(), List(), Show(), Explain(), Cancel() };

    private static Argument<string> Job() => Names.Argument("job", "Name or id of the job.", async (api, project, cancel) => (await api.ListJobsAsync(project, null, Pages.Largest, null, cancel).ConfigureAwait(false)).Value.Items.Select(job => job.Name));

    private static Command Submit()
    {
        var file = new Argument<string>("file") { Description = "JSON as POST /api/v1/jobs takes it; '-' is standard input. docs/cli.md has an example." };
        return ClientCommand.Query("submit", "Ask for a number of equal tenants.", async call =>
        {
            JsonObject job = Read(call.Required(file), await TextAsync(call.Required(file), call.Cancel).ConfigureAwait(false));
            if (call.Project is { } project) job["project"] = project;
            // As it was written, so that the server judges every member of it.
            Reply<JobDetail> reply = await call.Connection.SendAsync(HttpMethod.Post, "/api/v1/jobs", Encoding.UTF8.GetBytes(job.ToJsonString()), repeatable: true, ApiJson.Default.JobDetail, call.Cancel).ConfigureAwait(false);
            if (call.Get(CommonOptions.Wait)) reply = await WaitAsync(call, reply.Value).ConfigureAwait(false);
            call.Show(reply, Line);
        }, file, CommonOptions.Project, CommonOptions.Wait, CommonOptions.Timeout);
    }

    private static Command List()
    {
        Option<string?> state = CommonOptions.Filter("--state", JobState.All, "Only those in this state.");
        return ClientCommand.Query("list", "Jobs that you may see.", async call => call.ShowList(
            await Pages.ReadAsync<PageOfJobView, JobView>((limit, cursor) => call.Api.ListJobsAsync(call.Project, call.Get(state), limit, cursor, call.Cancel)).ConfigureAwait(false), "jobs",
            new("NAME", job => job.Name),
            new("PROJECT", job => job.Project),
            new("STATE", job => job.State),
            new("PLACED", job => $"{job.Placed}/{job.Replicas}") { IsRight = true },
            new("RUNNING", job => $"{job.Running}/{job.Replicas}") { IsRight = true },
            new("PRIORITY", job => Number(job.Priority)) { IsRight = true },
            new("GANG", job => job.Gang ? "yes" : "no"),
            new("CREATED", job => $"{Ages.Since(job.CreatedAt)} ago"),
            new("ID", job => job.Id.ToString()) { IsWide = true },
            new("REASON", job => job.Reason) { IsText = true }), CommonOptions.Project, state);
    }

    private static Command Show()
    {
        Argument<string> job = Job();
        return ClientCommand.Query("show", "One job and its replicas.", async call => call.Show(await call.Api.ShowJobAsync(call.Required(job), call.Project, call.Cancel).ConfigureAwait(false), view => Table.Fields(
        [
            ("name", view.Name),
            ("id", view.Id.ToString()),
            ("project", view.Project),
            ("state", view.State),
            ("reason", view.Reason),
            ("replicas", $"{view.Replicas}, {view.Placed} placed, {view.Running} running"),
            ("gang", view.Gang ? "all or none" : "no"),
            ("priority", Number(view.Priority)),
            ("time to live", view.TimeToLiveSeconds is { } seconds ? Ages.Format(TimeSpan.FromSeconds(seconds)) : "until stopped"),
            ("placed before", view.Deadline is null ? "whenever there is room" : Ages.Stamp(view.Deadline)),
            ("schedule", view.Schedule is { } schedule ? $"{schedule.Cron} ({schedule.TimeZone}){(schedule.Paused ? ", paused" : $", next {string.Join(", ", view.NextRuns.Take(3).Select(run => Ages.Stamp(run)))}")}" : null),
            ("created", Ages.Stamp(view.CreatedAt)),
        ]) + Environment.NewLine + call.Render(view.Tenants,
            new("REPLICA", replica => Number(replica.Ordinal)) { IsRight = true }, new("TENANT", replica => replica.Tenant), new("STATE", replica => replica.State), new("NODE", replica => replica.Node))), job, CommonOptions.Project);
    }

    private static Command Explain()
    {
        Argument<string> job = Job();
        return ClientCommand.Query("explain", "Why its tenants are where they are, or nowhere: filter, dimension and counts.", async call =>
        {
            Reply<IReadOnlyList<ExplanationView>> reply = await call.Api.ExplainJobAsync(call.Required(job), call.Project, call.Cancel).ConfigureAwait(false);
            if (reply.Value.Count == 0 && !call.IsJson) await Console.Error.WriteLineAsync("nothing was planned for it yet").ConfigureAwait(false);
            call.Show(reply, explanations => string.Join(Environment.NewLine, explanations.Select(explanation => Explanations.Render(explanation, Terminal.OutputWidth))));
        }, job, CommonOptions.Project);
    }

    private static Command Cancel()
    {
        Argument<string> job = Job();
        return ClientCommand.Query("cancel", "End a job and delete its tenants.", async call =>
        {
            Reply<JobDetail> reply = await call.Api.CancelJobAsync(call.Required(job), call.Project, call.Cancel).ConfigureAwait(false);
            if (call.Get(CommonOptions.Wait))
            {
                string id = reply.Value.Id.ToString();
                reply = await Waiting.UntilAsync(call, $"the tenants of job '{reply.Value.Name}' to be gone", () => call.Api.ShowJobAsync(id, null, call.Cancel),
                    now => now.Value.Tenants.Count(replica => replica.Tenant is not null) is > 0 and var left ? $"job {now.Value.Name}: {left} tenants left" : null).ConfigureAwait(false);
            }
            call.Show(reply, Line);
        }, job, CommonOptions.Project, CommonOptions.Wait, CommonOptions.Timeout);
    }

    private static Task<Reply<JobDetail>> WaitAsync(Call call, JobDetail job) =>
        Waiting.UntilAsync(call, $"job '{job.Name}' to run", () => call.Api.ShowJobAsync(job.Id.ToString(), null, call.Cancel), reply => reply.Value switch
        {
            { State: JobState.Completed } => null,
            var now when now.State != JobState.Active => throw new CommandException($"job '{now.Name}' is {now.State} ({Terminal.Plain(now.Reason)}): see 'osv job explain {now.Name}'"),
            var now => now.Running == now.Replicas ? null : $"job {now.Name}: {now.Placed} of {now.Replicas} placed, {now.Running} running{(now.Reason.Length > 0 ? $": {now.Reason}" : "")}",
        });

    private static async Task<string> TextAsync(string file, CancellationToken cancel) => file == "-" ? await Console.In.ReadToEndAsync(cancel).ConfigureAwait(false) : await Files.ReadTextAsync(new FileInfo(file), "file", cancel).ConfigureAwait(false);

    private static JsonObject Read(string file, string text)
    {
        try
        {
            return JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }) as JsonObject
                ?? throw new CommandException($"{file} holds no JSON object: write a job as docs/cli.md shows it");
        }
        catch (JsonException wrong)
        {
            throw new CommandException($"{file} is not JSON: {wrong.Message.TrimEnd('.')}", wrong);
        }
    }

    private static string Line(JobDetail job) => $"job {job.Name}: {job.State}, {job.Placed} of {job.Replicas} placed, {job.Running} running{(job.Reason.Length > 0 ? $" ({Terminal.Plain(job.Reason)})" : "")}{Environment.NewLine}";

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
