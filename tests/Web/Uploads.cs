using Osv.Database.Testing;

namespace Osv.Web.Tests;

/// <summary>Images and tenants as their owners send them.</summary>
internal static class Uploads
{
    public static MultipartFormDataContent Form(string name, string? project, byte[]? kernel, byte[]? initrd = null, string commandLine = "console=ttyS0", bool shared = false)
    {
        var form = new MultipartFormDataContent { { new StringContent(name), "name" }, { new StringContent(commandLine), "commandLine" } };
        if (project is not null) form.Add(new StringContent(project), "project");
        if (shared) form.Add(new StringContent("true"), "shared");
        if (kernel is not null) form.Add(new ByteArrayContent(kernel), "kernel", "vmlinuz");
        if (initrd is not null) form.Add(new ByteArrayContent(initrd), "initrd", "initrd.img");
        return form;
    }

    /// <summary>An image named "linux" in a project.</summary>
    public static async Task<string> NewImageAsync(this Site site, string project)
    {
        Answer added = await site.Administrator.PostAsync("/api/v1/images", Form("linux", project, TestKernel.Make()));
        added.Status.ShouldBe(201, added.Text);
        return added.Json.GetProperty("id").GetString()!;
    }

    /// <summary>A tenant that waits for a place.</summary>
    public static async Task<Guid> NewTenantAsync(this Site site, string project, string name)
    {
        Answer made = await site.Administrator.PostAsync("/api/v1/tenants", new { name, project, image = "linux", cores = 2, memoryBytes = 1L << 30 });
        made.Status.ShouldBe(201, made.Text);
        return made.Json.GetProperty("id").GetGuid();
    }
}
