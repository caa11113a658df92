namespace Osv.Web.Networks;

/// <summary>Configuration Osv:Networks: the switches that tenants' cards hang on.</summary>
public sealed class NetworkOptions
{
    /// <summary>Unix socket of the switch of each rack that has one. Elsewhere a card stands in whatever network its socket is wired to.</summary>
    public Dictionary<string, string> Switches { get; } = [];

    /// <summary>Within this time a switch is told everything anew, though nothing has changed: it may have been started anew itself.</summary>
    public TimeSpan Resync { get; set; } = TimeSpan.FromSeconds(2);

    /// <exception cref="InvalidOperationException">A value cannot be used.</exception>
    public void Validate()
    {
        // What the kernel takes as the path of a socket.
        const int LongestPath = 107;
        foreach ((string rack, string socket) in Switches)
            if (!Path.IsPathFullyQualified(socket) || socket.Length > LongestPath) throw new InvalidOperationException($"Osv:Networks:Switches:{rack} is '{socket}': use the whole path of a Unix socket, at most {LongestPath} bytes");
        if (Resync < TimeSpan.FromMilliseconds(100) || Resync > TimeSpan.FromMinutes(1)) throw new InvalidOperationException($"Osv:Networks:Resync is {Resync}: use 100 milliseconds to 1 minute");
    }
}
