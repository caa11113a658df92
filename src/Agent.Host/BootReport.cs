using Osv.Agent.Node;

namespace Osv.Agent.Host;

/// <summary>Tells the control plane over plain HTTP how far this boot has come, before there is a session.</summary>
internal static class BootReport
{
    public static async Task SendAsync(BootOptions options, string stage, AgentLog log, CancellationToken cancel)
    {
        if (options.Report is null) return;
        string query = $"stage={stage}&mac={Uri.EscapeDataString(options.Machine.Mac)}&serial={Uri.EscapeDataString(options.Machine.Serial)}&uuid={Uri.EscapeDataString(options.Machine.Uuid)}";
        try
        {
            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
            using HttpResponseMessage response = await http.PostAsync(new UriBuilder(options.Report) { Query = query }.Uri, null, cancel).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode) log.Warn("boot", $"{options.Report} answers {(int)response.StatusCode} to stage {stage}");
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException && !cancel.IsCancellationRequested)
        {
            log.Warn("boot", $"stage {stage} cannot be reported to {options.Report}: {error.Message}");
        }
    }
}
