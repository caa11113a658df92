using System.Net;
using Osv.Netboot;

namespace Osv.Contracts.Tests;

public sealed class NetbootTests
{
    private static readonly BootMachine s_machine = BootMachine.Parse("52-54-00-AA-BB-CC", " S1 ", "0F9BE0A1-0000-4000-8000-000000000001");
    private static readonly DateTimeOffset s_now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void A_machine_has_one_spelling() => s_machine.ShouldBe(new BootMachine("52:54:00:aa:bb:cc", "S1", "0f9be0a1-0000-4000-8000-000000000001"));

    [Fact]
    public void A_token_is_good_once_for_one_key_of_one_machine()
    {
        (string token, BootToken kept) = BootToken.Issue(s_machine, s_now);
        kept.Hash.ShouldBe(BootToken.HashOf(token));
        kept.ToString().ShouldNotContain(token);
        BootToken.Check(null, s_machine, [1], s_now).ShouldBe(BootTokenVerdict.Unknown);
        BootToken.Check(kept, s_machine with { Mac = "52:54:00:aa:bb:cd" }, [1], s_now).ShouldBe(BootTokenVerdict.OtherMachine);
        BootToken.Check(kept, s_machine with { Serial = "S2" }, [1], s_now).ShouldBe(BootTokenVerdict.OtherMachine);
        BootToken.Check(kept, s_machine with { Uuid = "x" }, [1], s_now).ShouldBe(BootTokenVerdict.OtherMachine);
        BootToken.Check(kept, s_machine, [1], s_now + BootToken.Lifetime + TimeSpan.FromSeconds(1)).ShouldBe(BootTokenVerdict.Expired);
        BootToken.Check(kept, s_machine, [1], s_now).ShouldBe(BootTokenVerdict.Good);
        BootToken used = kept.UsedWith([1]);
        BootToken.Check(used, s_machine, [1], s_now).ShouldBe(BootTokenVerdict.SameKeyAgain);
        BootToken.Check(used, s_machine, [2], s_now).ShouldBe(BootTokenVerdict.Used);
    }

    [Fact]
    public void Tokens_do_not_repeat() => Enumerable.Range(0, 100).Select(_ => BootToken.Issue(s_machine, s_now).Token).Distinct().Count().ShouldBe(100);

    [Fact]
    public void The_script_names_images_by_hash_and_tells_every_stage()
    {
        var plan = new BootPlan(new Uri("http://10.0.2.2:8080/x"), new Uri("https://10.0.2.2:8443"), new string('c', 64), new BootFile(new string('a', 64)), new BootFile(new string('b', 64)));
        string script = BootScript.ForMachine(plan, "TOKEN", s_now);
        script.ShouldStartWith("#!ipxe\n");
        script.ShouldContain($"kernel --name monitor http://10.0.2.2:8080/netboot/v1/images/{new string('a', 64)}?mac=${{mac}}");
        script.ShouldContain($"initrd --name payload http://10.0.2.2:8080/netboot/v1/images/{new string('b', 64)}?");
        script.ShouldContain(" osv.token=TOKEN ");
        script.ShouldContain($" osv.time={s_now.ToUnixTimeSeconds()} ");
        script.ShouldContain("stage=failed&step=${step}");
        foreach (string stage in (string[])["monitor", "payload", "loaded"]) script.ShouldContain($"stage={stage}");
        // iPXE and the monitor take a command line of 2,047 bytes at most.
        script.Split('\n').Max(line => line.Length).ShouldBeLessThan(1200);
    }

    [Fact]
    public void Dnsmasq_serves_one_interface_and_no_names()
    {
        string text = DnsmasqConfiguration.Render(new RackNetwork("rack0", IPAddress.Parse("10.9.0.1"), new Uri("http://10.9.0.1:80/netboot/v1/start.ipxe")) { Range = (IPAddress.Parse("10.9.0.10"), IPAddress.Parse("10.9.0.99"), IPAddress.Parse("255.255.255.0")) });
        text.ShouldContain("port=0\n");
        text.ShouldContain("interface=rack0\n");
        text.ShouldContain("dhcp-range=10.9.0.10,10.9.0.99,255.255.255.0,1h\n");
        text.ShouldContain("dhcp-boot=tag:ipxe,http://10.9.0.1/netboot/v1/start.ipxe,,10.9.0.1\n");
    }

    [Fact]
    public void Proxy_dhcp_gives_out_no_addresses()
    {
        string text = DnsmasqConfiguration.Render(new RackNetwork("rack0", IPAddress.Parse("10.9.0.1"), new Uri("http://10.9.0.1/start")) { Network = IPAddress.Parse("10.9.0.0") });
        text.ShouldContain("dhcp-range=10.9.0.0,proxy\n");
        text.ShouldContain("pxe-service=tag:!ipxe,x86PC");
    }
}
