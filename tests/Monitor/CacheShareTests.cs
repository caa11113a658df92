using CsCheck;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class CacheShareTests
{
    private const int DomainShift = 4;

    /// <summary>Caches with some cores missing, one or two threads a core, and partitions of whole cores, whichever they are.</summary>
    private static readonly Gen<Core[]> s_nodes =
        from threads in Gen.Int[1, 2]
        from present in Gen.Bool.Array[24 / threads]
        from owners in Gen.UShort[0, 5].Array[24 / threads]
        from order in Gen.Shuffle(Enumerable.Range(0, 24).ToArray())
        select (Core[])[.. order.Where(id => present[id / threads] || id % 16 < threads).Select(id => new Core { ApicId = (uint)id, Partition = owners[id / threads] })];

    private static uint Ways(Core[] cores, int core, uint ways, uint classes, out uint service) => CacheShare.WaysOf(cores, core, DomainShift, ways, classes, out service);

    [Fact]
    public void Partitions_of_one_cache_have_ways_and_a_class_of_their_own_and_together_all_of_it() =>
        s_nodes.Sample(cores =>
        {
            foreach (IGrouping<uint, int> cache in Enumerable.Range(0, cores.Length).GroupBy(core => cores[core].ApicId >> DomainShift))
            {
                var shares = new Dictionary<ushort, (uint Mask, uint Service)>();
                foreach (int core in cache)
                {
                    uint mask = Ways(cores, core, 16, 16, out uint service);
                    shares.TryAdd(cores[core].Partition, (mask, service));
                    shares[cores[core].Partition].ShouldBe((mask, service), "all cores of a partition come to the same");
                    service.ShouldBeLessThan(16u);
                }
                shares.Values.Select(share => share.Service).Distinct().Count().ShouldBe(shares.Count);
                shares.Values.Aggregate(0u, (all, share) =>
                {
                    share.Mask.ShouldNotBe(0u);
                    (all & share.Mask).ShouldBe(0u);
                    return all | share.Mask;
                }).ShouldBe(0xFFFFu);
            }
        });

    [Theory]
    [InlineData(0, 0x000Fu)]
    [InlineData(1, 0x00F0u)]
    [InlineData(2, 0xFF00u)]
    public void A_share_is_as_large_as_the_threads_are_many(ushort partition, uint mask)
    {
        Core[] cores = [.. Enumerable.Range(0, 8).Select(id => new Core { ApicId = (uint)id, Partition = (ushort)(id switch { < 2 => 0, < 4 => 1, _ => 2 }) })];
        Ways(cores, Array.FindIndex(cores, core => core.Partition == partition), 16, 16, out _).ShouldBe(mask);
    }

    [Fact]
    public void Thirty_two_threads_in_sixteen_classes_are_kept_apart_by_cores()
    {
        Core[] cores = [.. Enumerable.Range(0, 32).Select(id => new Core { ApicId = (uint)id, Partition = (ushort)(id / 2) })];
        var seen = new HashSet<(uint, uint)>();
        for (int core = 0; core < cores.Length; core += 2)
        {
            uint mask = CacheShare.WaysOf(cores, core, 5, 16, 16, out uint service);
            mask.ShouldBe(1u << (core / 2));
            service.ShouldBe((uint)core / 2);
            seen.Add((mask, service)).ShouldBeTrue();
        }
    }

    [Fact]
    public void A_thread_whose_share_is_less_than_a_way_may_fill_all()
    {
        Core[] cores = [.. Enumerable.Range(0, 8).Select(id => new Core { ApicId = (uint)id, Partition = (ushort)id })];
        Ways(cores, 0, 4, 16, out _).ShouldBe(0xFu);
        Ways(cores, 1, 4, 16, out _).ShouldBe(0x1u);
    }
}
