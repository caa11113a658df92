using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Cloud;

/// <summary>Things that may not be there.</summary>
internal static class Lookups
{
    private const int NotFound = 404;

    public static Task<NodeDetail?> FindNodeAsync(this ApiClient api, string name, CancellationToken cancel) => FindAsync(() => api.ShowNodeAsync(name, cancel));

    public static Task<ImageView?> FindImageAsync(this ApiClient api, string name, CancellationToken cancel) => FindAsync(() => api.ShowImageAsync(name, null, cancel));

    private static async Task<T?> FindAsync<T>(Func<Task<Reply<T>>> show)
        where T : class
    {
        try
        {
            return (await show().ConfigureAwait(false)).Value;
        }
        catch (RefusedException absent) when (absent.Status == NotFound)
        {
            return null;
        }
    }
}
