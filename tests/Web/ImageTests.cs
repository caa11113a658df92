using System.Security.Cryptography;
using Osv.Data.Images;
using Osv.Database.Testing;

namespace Osv.Web.Tests;

public sealed class ImageTests(Site site)
{
    [Fact]
    public async Task An_upload_is_stored_byte_for_byte_under_its_hash()
    {
        string project = await site.NewProjectAsync();
        byte[] kernel = TestKernel.Make(size: (3 << 20) + 17), initrd = RandomNumberGenerator.GetBytes((2 << 20) + 1);
        Answer added = await site.Administrator.PostAsync("/api/v1/images", Uploads.Form("debian", project, kernel, initrd, "quiet"));
        added.Status.ShouldBe(201, added.Text);
        added.Json.GetProperty("kernelSha256").GetString().ShouldBe(Convert.ToHexStringLower(SHA256.HashData(kernel)));
        added.Json.GetProperty("initrdBytes").GetInt64().ShouldBe(initrd.Length);
        added.Json.GetProperty("commandLine").GetString().ShouldBe("quiet");
        using var read = new MemoryStream();
        await ContentStore.CopyToAsync(site.Database.Source, SHA256.HashData(initrd), read, TestContext.Current.CancellationToken);
        read.ToArray().ShouldBe(initrd);
        Answer shown = await site.Administrator.GetAsync($"/api/v1/images/debian?project={project}");
        shown.Json.GetProperty("id").GetString().ShouldBe(added.Json.GetProperty("id").GetString());
    }

    [Fact]
    public async Task What_is_no_kernel_is_refused_with_what_was_found()
    {
        string project = await site.NewProjectAsync();
        (byte[] File, string Says)[] cases =
        [
            ([1, 2, 3], "only 3 bytes"),
            (new byte[4096], "HdrS"),
            ([0x7F, .. "ELF"u8, .. new byte[4096]], "ELF"),
            (TestKernel.Make(protocol: 0x0206), "2.06"),
            (TestKernel.Make(size: 1 << 20)[..^1000], "cut short: it has 1047576 bytes"),
        ];
        foreach ((byte[] file, string says) in cases)
        {
            Answer refused = await site.Administrator.PostAsync("/api/v1/images", Uploads.Form("bad", project, file));
            refused.Status.ShouldBe(400, refused.Text);
            refused.Detail.ShouldContain(says);
        }
        (await site.Administrator.PostAsync("/api/v1/images", Uploads.Form("bad", project, null))).Detail.ShouldContain("kernel is missing");
        (await site.Administrator.GetAsync($"/api/v1/images?project={project}")).Text.ShouldNotContain("\"bad\"");
    }

    [Fact]
    public async Task A_tenant_or_job_with_less_memory_than_its_image_needs_is_refused_with_what_it_needs()
    {
        string project = await site.NewProjectAsync();
        (await site.Administrator.PostAsync("/api/v1/images", Uploads.Form("large", project, TestKernel.Make(), RandomNumberGenerator.GetBytes(20 << 20)))).Status.ShouldBe(201);
        async Task<Answer> CreateAsync(long mebibytes) => await site.Administrator.PostAsync("/api/v1/tenants", new { name = $"t{mebibytes}", project, image = "large", cores = 1, memoryBytes = mebibytes << 20 });
        Answer refused = await CreateAsync(66);
        refused.Status.ShouldBe(400, refused.Text);
        // The kernel lies from 16 to 48 MiB, the initrd behind it.
        refused.Detail.ShouldBe("image 'large' does not fit 66 MiB of memory: its kernel and initrd need at least 68 MiB to be loaded");
        (await CreateAsync(68)).Status.ShouldBe(201);
        Answer job = await site.Administrator.PostAsync("/api/v1/jobs", new { name = "j", project, replicas = 1, template = new { image = "large", cores = 1, memoryBytes = 66L << 20 } });
        job.Status.ShouldBe(400, job.Text);
        job.Detail.ShouldContain("at least 68 MiB");
    }

    [Fact]
    public async Task Fields_are_checked_before_a_file_is_stored()
    {
        string project = await site.NewProjectAsync();
        byte[] kernel = TestKernel.Make();
        Answer refused = await site.Administrator.PostAsync("/api/v1/images", Uploads.Form("No Name", project, kernel, commandLine: new string('x', 2048)));
        refused.Status.ShouldBe(400);
        refused.Json.GetProperty("errors").GetProperty("name")[0].GetString()!.ShouldContain("No Name");
        refused.Json.GetProperty("errors").GetProperty("commandLine")[0].GetString()!.ShouldContain("2047");
        byte[] hash = SHA256.HashData(kernel);
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM contents WHERE sha256 = $1", hash)).ShouldBe(0);
    }

    [Fact]
    public async Task A_name_is_taken_once_in_a_project_and_an_image_in_use_stays()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        (await site.Administrator.PostAsync("/api/v1/images", Uploads.Form("linux", project, TestKernel.Make()))).Status.ShouldBe(409);
        await site.NewTenantAsync(project, "user");
        Answer refused = await site.Administrator.DeleteAsync($"/api/v1/images/linux?project={project}");
        refused.Status.ShouldBe(409);
        refused.Detail.ShouldContain("user");
    }

    [Fact]
    public async Task An_unused_image_is_deleted()
    {
        string project = await site.NewProjectAsync();
        string id = await site.NewImageAsync(project);
        (await site.Administrator.DeleteAsync($"/api/v1/images/{id}")).Status.ShouldBe(204);
        (await site.Administrator.GetAsync($"/api/v1/images/{id}")).Status.ShouldBe(404);
    }

    [Fact]
    public async Task A_shared_image_serves_every_project_and_only_administrators_make_one()
    {
        string mine = await site.NewProjectAsync(), name = Site.Unique("shared");
        using Api member = await site.NewMemberAsync(mine, "Member");
        (await member.PostAsync("/api/v1/images", Uploads.Form(name, mine, TestKernel.Make(), shared: true))).Status.ShouldBe(403);
        (await site.Administrator.PostAsync("/api/v1/images", Uploads.Form(name, null, TestKernel.Make(), shared: true))).Status.ShouldBe(201);
        Answer made = await member.PostAsync("/api/v1/tenants", new { name = "t", project = mine, image = name, cores = 1, memoryBytes = 1L << 30 });
        made.Status.ShouldBe(201, made.Text);
        (await member.DeleteAsync($"/api/v1/images/{name}")).Status.ShouldBe(403);
    }
}
