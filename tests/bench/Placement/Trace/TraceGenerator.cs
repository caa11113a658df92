namespace Osv.Placement.Bench.Trace;

/// <summary>Which cloud the mix of sizes resembles.</summary>
internal enum Mix
{
    /// <summary>About 3.6 cores on average, up to 32.</summary>
    General,
    /// <summary>Two thirds have one core and less than 2 GiB.</summary>
    Small,
}

/// <summary>
/// Makes traces with the figures of published ones: lives of 39 h on average (most of them short, a fifth long), Poisson
/// arrivals of about one a second. It starts in steady state: those alive at time 0 have negative start times.
/// </summary>
internal static class TraceGenerator
{
    public const double MeanLifeHours = 39;
    private const double ShortLifeHours = 2, ShortShare = 0.8;
    private const double LongLifeHours = (MeanLifeHours - ShortShare * ShortLifeHours) / (1 - ShortShare);

    private readonly record struct Size(int Cores, double GibibytesPerCore, double Weight);

    private static Size[] Sizes(Mix mix) => mix == Mix.General
        ?
        [
            new(1, 2, 10), new(1, 4, 20), new(1, 8, 2), new(2, 2, 9), new(2, 4, 20), new(2, 8, 4), new(4, 2, 6), new(4, 4, 11), new(4, 8, 2.5),
            new(8, 2, 2.5), new(8, 4, 4), new(8, 8, 1.5), new(16, 2, 1), new(16, 4, 2), new(16, 8, 0.7), new(24, 4, 0.7), new(32, 4, 0.8), new(32, 6, 0.2),
        ]
        :
        [
            new(1, 0.75, 22), new(1, 1, 24), new(1, 1.75, 21), new(2, 2, 8), new(2, 4, 8), new(4, 2, 4), new(4, 4, 5), new(8, 4, 4), new(16, 4, 2.5), new(32, 4, 1.5),
        ];

    /// <param name="machineCores">Cores of the machine whose shares the types are.</param>
    public static PackingTrace Generate(Mix mix, int machineCores, double machineGibibytes, double arrivalsPerSecond, double hours, int seed)
    {
        var random = new Random(seed);
        Size[] sizes = Sizes(mix);
        VmType[] types = [.. sizes.Select((size, i) => new VmType(i, 0, (double)size.Cores / machineCores, size.Cores * size.GibibytesPerCore / machineGibibytes, 0, 0, 0))];
        double weights = sizes.Sum(size => size.Weight);
        var vms = new List<Vm>();

        // In steady state the number alive is arrivals times mean life (Little), and a long life is met in proportion to its length.
        int alive = (int)(arrivalsPerSecond * 3600 * MeanLifeHours);
        double longAlive = (1 - ShortShare) * LongLifeHours / MeanLifeHours;
        for (int i = 0; i < alive; i++)
        {
            double mean = random.NextDouble() < longAlive ? LongLifeHours : ShortLifeHours;
            Add(-Exponential(mean), Exponential(mean));
        }
        vms.Sort((a, b) => a.StartTime.CompareTo(b.StartTime));
        for (double now = Exponential(1 / (3600 * arrivalsPerSecond)); now < hours; now += Exponential(1 / (3600 * arrivalsPerSecond)))
            Add(now, now + Exponential(random.NextDouble() < ShortShare ? ShortLifeHours : LongLifeHours));
        return new PackingTrace(types, vms);

        void Add(double startHours, double endHours) =>
            vms.Add(new Vm(vms.Count, random.Next(1000), Type(), random.Next(10) < 3 ? 1 : 0, startHours / 24, endHours > hours ? null : endHours / 24));

        double Exponential(double mean) => -mean * Math.Log(1 - random.NextDouble());

        int Type()
        {
            double at = random.NextDouble() * weights;
            int type = 0;
            while (type < sizes.Length - 1 && (at -= sizes[type].Weight) >= 0) type++;
            return type;
        }
    }
}
