using System.Buffers.Binary;

namespace Osv.Web.Tests;

/// <summary>Files that look like kernels, and forms that send them.</summary>
internal static class Uploads
{
    /// <summary>The smallest file with the setup header of a 64-bit bzImage, followed by bytes that make it unique.</summary>
    public static byte[] Kernel(int protocol = 0x020F, int size = 4096)
    {
        const int SetupSectors = 4;
        byte[] file = new byte[size];
        Random.Shared.NextBytes(file.AsSpan(0x300));
        file[0x1F1] = SetupSectors;
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x1F4), (size - ((SetupSectors + 1) * 512)) / 16);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(0x1FE), 0xAA55);
        "HdrS"u8.CopyTo(file.AsSpan(0x202));
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(0x206), (ushort)protocol);
        file[0x211] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x22C), int.MaxValue);
        file[0x236] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x238), 2047);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x258), 16 << 20);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x260), 32 << 20);
        return file;
    }

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
        Answer added = await site.Administrator.PostAsync("/api/v1/images", Form("linux", project, Kernel()));
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
