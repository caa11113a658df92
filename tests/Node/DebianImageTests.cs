using Google.Protobuf;
using Osv.Contracts.Node;
using Osv.Images;

namespace Osv.Node.Tests;

public sealed class DebianImageTests(NodeFixture fixture)
{
    [Fact]
    public async Task A_Debian_tenant_takes_its_name_keys_and_user_data_and_offers_a_login()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string images = Path.Combine(NodeFixture.Root, "artifacts", "images"), kernels = Path.Combine(NodeFixture.Root, "artifacts", "kernels");
        await Tool.RunAsync("bash", [Path.Combine(NodeFixture.Root, "deploy", "images", "debian.sh"), "debian-12-backports", images, kernels], cancel);
        string folder = Path.Combine(images, "debian-12-backports");

        await using Rack rack = await Rack.StartAsync(fixture, "debian");
        DesiredPartition wanted = rack.Tenant("t1", 2, 3);
        wanted.Memory[0].Bytes = 512UL << 20;
        wanted.Image = new Image
        {
            Name = "debian-12-backports",
            Kernel = rack.Plane.AddImage(await File.ReadAllBytesAsync(Path.Combine(folder, "vmlinuz"), cancel)),
            Initrd = rack.Plane.AddImage(await File.ReadAllBytesAsync(Path.Combine(folder, "initrd"), cancel)),
            CommandLine = (await File.ReadAllTextAsync(Path.Combine(folder, "cmdline"), cancel)).Trim(),
        };
        wanted.CloudInit = new CloudInit
        {
            Hostname = "debian-t1",
            SshAuthorizedKeys = { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeKeyForTheTestOnly test@osv" },
            UserData = ByteString.CopyFromUtf8("#cloud-config\nruncmd:\n  - [sh, -c, 'echo \"SSHD $(systemctl is-active ssh) KEYS $(cat /home/debian/.ssh/authorized_keys | wc -l)\" > /dev/ttyS0']\n"),
        };
        rack.Node.Want(wanted);
        await rack.UntilSaysAsync("t1", "debian-t1 login:");
        await rack.UntilSaysAsync("t1", "SSHD active KEYS 1");
        rack.Node.Faults.ShouldBeEmpty();
    }
}
