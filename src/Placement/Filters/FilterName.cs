namespace Osv.Placement.Filters;

/// <summary>Names of the filters, in the order in which they run: cheap ones first.</summary>
public static class FilterName
{
    /// <summary>The request itself makes no sense.</summary>
    public const string Request = "request";
    public const string Reservation = "reservation";
    public const string State = "state";
    public const string Partitions = "partitions";
    public const string Images = "images";
    public const string Labels = "labels";
    public const string Affinity = "affinity";
    public const string AntiAffinity = "anti-affinity";
    public const string Spread = "spread";
    public const string Cores = "cores";
    public const string Memory = "memory";
    public const string Devices = "devices";
    /// <summary>Not a filter of nodes: a gang ran out of places half way.</summary>
    public const string Gang = "gang";
}
