namespace Osv.Cli.Cloud;

/// <summary>The process that carries console, API, gateway and scheduler.</summary>
internal static class HostProcess
{
    public static CloudProcess Of(CloudHome home) => new("control plane", ProgramBuild.Host(Repository.Root).Assembly, home.HostProcess, home.HostLog);

    public static async Task<bool> IsReadyAsync(HttpClient http, CancellationToken cancel)
    {
        try
        {
            using HttpResponseMessage answer = await http.GetAsync(new Uri("readyz", UriKind.Relative), cancel).ConfigureAwait(false);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception silent) when (silent is HttpRequestException || (silent is TaskCanceledException && !cancel.IsCancellationRequested))
        {
            return false;
        }
    }
}
