namespace Osv.Web.Boot;

/// <summary>Where nodes find this process. Known once the listeners stand.</summary>
internal sealed class NodeAddresses
{
    private Uri? _netboot, _gateway;

    public Uri Netboot
    {
        get => _netboot ?? throw new InvalidOperationException("this process serves no netboot: set Osv:Netboot:Enabled");
        set => _netboot = value;
    }

    public Uri Gateway
    {
        get => _gateway ?? throw new InvalidOperationException("this process takes no agents: set Osv:Gateway:Enabled");
        set => _gateway = value;
    }

    /// <param name="configured">As an operator gives it; port 0 there means the port that was bound. Null: as bound.</param>
    /// <param name="bound">Where the listener stands.</param>
    public static Uri AsSeen(Uri? configured, Uri bound) => configured is null ? bound : configured.Port == 0 ? new UriBuilder(configured) { Port = bound.Port }.Uri : configured;
}
