using System.CommandLine;
using System.Globalization;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Tenants;

/// <summary><c>osv tenant log</c>: what a tenant wrote to its console, and what it writes.</summary>
internal static class TenantLog
{
    /// <summary>Before a broken stream is opened anew.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        Argument<string> tenant = TenantCommand.Tenant();
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on with what it writes, until Ctrl-C." };
        var lines = new Option<int>("--lines", "-n") { Description = "Last lines to begin with, at most 10000.", DefaultValueFactory = _ => 1000, HelpName = "number" };
        var search = new Option<string?>("--search") { Description = "Only lines with this text, in any case of letters.", HelpName = "text" };
        var times = new Option<bool>("--timestamps") { Description = "When each line was written." };
        return ClientCommand.Query("log", "What it wrote to its console; with --follow and -o json, an object a line.", async call =>
        {
            if (call.Get(follow) && call.Get(search) is not null) throw new CommandException("--follow shows what comes and --search what was: give one of them");
            // By id from here on: another tenant may take the name.
            string id = (await call.Api.ShowTenantAsync(call.Required(tenant), call.Project, call.Cancel).ConfigureAwait(false)).Value.Id.ToString();
            Reply<IReadOnlyList<LogLine>> log = await call.Api.ShowTenantLogAsync(id, null, null, call.Get(lines), call.Get(search), call.Cancel).ConfigureAwait(false);
            if (call.IsJson && !call.Get(follow))
            {
                Call.WriteJson(log.Json);
                return;
            }
            if (!call.Get(follow))
            {
                foreach (LogLine line in log.Value) Console.Out.WriteLine($"{Stamp(line)}{Terminal.PlainLine(line.Text)}");
                return;
            }
            var tail = new LogTail(Console.Out, Stamp);
            foreach (LogLine line in log.Value) Write(line);
            await FollowAsync(call, id, log.Value.Count > 0 ? log.Value[^1].Sequence : 0, Write).ConfigureAwait(false);

            void Write(LogLine line)
            {
                if (!call.IsJson) tail.Write(line);
                // As an object a line that has not ended would be told again and again; it comes whole when it has.
                else if (!line.Partial) Console.Out.WriteLine(JsonSerializer.Serialize(line, ApiJson.Default.LogLine));
            }

            string Stamp(LogLine line) => call.Get(times) ? $"{line.At.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)} " : "";
        }, tenant, follow, lines, search, times, CommonOptions.Project);
    }

    private static async Task FollowAsync(Call call, string tenant, long after, Action<LogLine> write)
    {
        while (true)
        {
            using HttpResponseMessage response = await call.Api.FollowTenantLogAsync(tenant, null, after, call.Cancel).ConfigureAwait(false);
            try
            {
                Stream stream = await response.Content.ReadAsStreamAsync(call.Cancel).ConfigureAwait(false);
                await foreach (SseItem<string> item in SseParser.Create(stream).EnumerateAsync(call.Cancel).ConfigureAwait(false))
                {
                    if (item.EventType is not ("line" or "partial")) continue;
                    LogLine line = JsonSerializer.Deserialize(item.Data, ApiJson.Default.LogLine)!;
                    write(line);
                    after = line.Sequence;
                }
            }
            catch (Exception broken) when (broken is IOException or HttpRequestException)
            {
                // The server went away under the stream; opening it anew says why if it stays away.
            }
            await Task.Delay(Pause, call.Cancel).ConfigureAwait(false);
        }
    }
}
