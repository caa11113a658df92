using Osv.Placement.Nodes;

namespace Osv.Placement.Requests;

/// <summary>A request with its names looked up in one fleet.</summary>
internal sealed class Query
{
    public Query(Fleet fleet, PlacementRequest request)
    {
        Fleet = fleet;
        Request = request;
        Cores = request.Cores;
        Units = request.MemoryUnits;
        Table = request.Numa == NumaPolicy.OneCell ? fleet.Cells : fleet.Whole;
        if (request.Devices.IsEmpty) return;
        DeviceClasses = new int[request.Devices.Length];
        for (int i = 0; i < DeviceClasses.Length; i++) DeviceClasses[i] = fleet.ClassOf(request.Devices[i].Class);
    }

    public Fleet Fleet { get; }
    public PlacementRequest Request { get; }
    public int Cores { get; }
    public int Units { get; }
    /// <summary>The places one of which must hold all cores and memory: cells or whole nodes.</summary>
    public ResourceTable Table { get; }
    /// <summary>By device request: index of the class, -1 when no node has it.</summary>
    public int[] DeviceClasses { get; } = [];
    public bool OneCell => Request.Numa == NumaPolicy.OneCell;
    public bool LocalDevices => Request.DeviceLocality == DeviceLocality.Required;

    public GroupIndex.Entry? Group(string name) => Fleet.Groups.Find(Request.Project, name);
}
