using Osv.Database.Testing;

namespace Osv.Data.Tests;

/// <summary>Required affinity and anti-affinity hold whoever writes.</summary>
public sealed class PlacementGroupTests(DatabaseFixture fixture) : IClassFixture<DatabaseFixture>
{
    [Fact]
    public async Task Two_members_of_an_anti_affinity_group_cannot_claim_one_domain()
    {
        (Guid group, Guid[] tenants) = await GroupAsync("AntiAffinity");
        await ClaimAsync(group, tenants[0], "AntiAffinity", "rack-1");
        (await BuggyScheduler.RefusalAsync(() => ClaimAsync(group, tenants[1], "AntiAffinity", "rack-1"))).ShouldBe("ux_placement_group_claims_apart");
        await ClaimAsync(group, tenants[1], "AntiAffinity", "rack-2");
    }

    [Fact]
    public async Task Two_members_of_an_affinity_group_cannot_claim_two_domains()
    {
        (Guid group, Guid[] tenants) = await GroupAsync("Affinity");
        await ClaimAsync(group, tenants[0], "Affinity", "rack-1");
        (await BuggyScheduler.RefusalAsync(() => ClaimAsync(group, tenants[1], "Affinity", "rack-2"))).ShouldBe("ex_placement_group_claims_together");
        await ClaimAsync(group, tenants[1], "Affinity", "rack-1");
    }

    [Fact]
    public async Task A_claim_cannot_belie_the_rule_of_its_group()
    {
        (Guid group, Guid[] tenants) = await GroupAsync("AntiAffinity");
        (await BuggyScheduler.RefusalAsync(() => ClaimAsync(group, tenants[0], "Affinity", "rack-1"))).ShouldBe("fk_placement_group_claims_placement_groups_group_id_rule");
    }

    [Fact]
    public async Task A_claim_ends_with_the_place()
    {
        (Guid group, Guid[] tenants) = await GroupAsync("AntiAffinity");
        await ClaimAsync(group, tenants[0], "AntiAffinity", "rack-1");
        await fixture.Database.ExecuteAsync("DELETE FROM placements WHERE tenant_id = $1", tenants[0]);
        await ClaimAsync(group, tenants[1], "AntiAffinity", "rack-1");
    }

    private async Task<(Guid Group, Guid[] Tenants)> GroupAsync(string rule)
    {
        string name = Guid.NewGuid().ToString();
        Guid project = await fixture.Seed.ProjectAsync(name), group = Guid.NewGuid();
        Guid node = (await fixture.Seed.NodesAsync(1, new NodeShape(), name))[0];
        Guid[] tenants = await fixture.Seed.TenantsAsync(project, 2);
        await fixture.Database.ExecuteAsync("INSERT INTO placement_groups (id, project_id, name, rule, scope) VALUES ($1, $2, 'group', $3, 'Rack')", group, project, rule);
        foreach (Guid tenant in tenants)
        {
            await fixture.Database.ExecuteAsync("INSERT INTO placement_group_members (group_id, tenant_id) VALUES ($1, $2)", group, tenant);
            await new BuggyScheduler(fixture.Database).PlaceAsync(tenant, node);
        }
        return (group, tenants);
    }

    private Task<int> ClaimAsync(Guid group, Guid tenant, string rule, string domain) =>
        fixture.Database.ExecuteAsync("INSERT INTO placement_group_claims (group_id, tenant_id, rule, domain) VALUES ($1, $2, $3, $4)", group, tenant, rule, domain);
}
