namespace Osv.Rack.Tests;

/// <summary>KVM is chosen only where it can run the monitor.</summary>
public sealed class AcceleratorTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("host").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(true, "1", "fpu svm npt", true)]
    [InlineData(true, "Y", "svm", true)]
    [InlineData(true, "0", "svm", false)]
    [InlineData(true, "1", "fpu vmx", false)]
    [InlineData(false, "1", "svm", false)]
    public void KVM_needs_its_device_nesting_and_SVM(bool device, string nested, string flags, bool expected)
    {
        if (device) Write("dev/kvm", string.Empty);
        Write("sys/module/kvm_amd/parameters/nested", nested + "\n");
        Write("proc/cpuinfo", $"processor\t: 0\nflags\t\t: {flags}\n");
        Accelerator.HasKvm(_root).ShouldBe(expected);
    }

    private void Write(string path, string content)
    {
        string file = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }
}
