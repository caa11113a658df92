using System.Text;
using Osv.Contracts.Node;

namespace Osv.Agent.Tests;

/// <summary>What viewers get of a console across the death of the management Linux.</summary>
public sealed class ConsoleHubTests : IDisposable
{
    private readonly Bench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(5UL << 32)]
    public void What_was_sent_is_not_sent_again_however_much_it_was(ulong before)
    {
        _bench.Want(_bench.Tenant("a", 2));
        _bench.Settle();
        int partition = (int)_bench.Seen("a").Partition;
        _bench.Monitor.Print(partition, "sent\n");
        _bench.Settle();
        ConsoleOutput sent = _bench.Consoles!.Collect().Single();
        ulong known = before + sent.Offset + (ulong)sent.Data.Length;

        _bench.RestartManagement();
        _bench.Settle();
        _bench.Consoles!.Resume([new ConsolePosition { TenantId = "a", Instance = sent.Instance, Offset = known }]);
        _bench.Monitor.Print(partition, "new\n");
        _bench.Settle();
        ConsoleOutput next = _bench.Consoles!.Collect().Single();
        next.Data.ToStringUtf8().ShouldBe("new\n");
        next.Offset.ShouldBe(known);
        next.LostBefore.ShouldBe(0UL);
    }

    [Fact]
    public void What_was_printed_while_nobody_read_comes_whole()
    {
        _bench.Want(_bench.Tenant("a", 2));
        _bench.Settle();
        int partition = (int)_bench.Seen("a").Partition;
        _bench.Monitor.Print(partition, new string('x', 15_000));
        _bench.Settle();
        ConsoleOutput sent = _bench.Consoles!.Collect().Single();
        string unread = string.Concat(Enumerable.Range(0, 2500).Select(number => $"{number:0000}\n"));
        _bench.Monitor.Print(partition, unread);

        _bench.RestartManagement();
        _bench.Settle();
        _bench.Consoles!.Resume([new ConsolePosition { TenantId = "a", Instance = sent.Instance, Offset = sent.Offset + (ulong)sent.Data.Length }]);
        var got = new StringBuilder();
        foreach (ConsoleOutput output in _bench.Consoles!.Collect()) got.Append(output.Data.ToStringUtf8());
        got.ToString().ShouldBe(unread);
    }
}
