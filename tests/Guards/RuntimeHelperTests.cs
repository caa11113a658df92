namespace Osv.Monitor.Guards.Tests;

public sealed class RuntimeHelpers : IAsyncLifetime
{
    internal BuildResult Result { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        using SampleBuild build = new SampleBuild().With("Helpers");
        Result = await build.RunAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

public sealed class RuntimeHelperTests(RuntimeHelpers samples) : IClassFixture<RuntimeHelpers>
{
    [Fact]
    public void A_helper_of_the_runtime_that_code_asks_for_ends_the_build() => samples.Result.ShouldRefuse("monitor", "NoRuntimeHelper", "which stores an object reference for the garbage collector");

    [Fact]
    public void A_stub_for_a_helper_ends_the_build() => samples.Result.ShouldRefuse("monitor", "NoRuntimeHelper", "assembly stubs RhpNewFast, which allocates an object");
}
