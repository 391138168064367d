using System.Runtime.CompilerServices;
using Medic.Targets;

// What the mode mix allocates. Each type comes from one method, never inlined.
namespace Minting;

/// <summary>48 bytes.</summary>
sealed class Coin
{
    public long Year { get; init; }
    public long Face { get; init; }
    public long Weight { get; init; }
    public long Metal { get; init; }
}

delegate long Weigher();

static class Press
{
    /// <summary>What a round allocates: count objects of so many bytes. A kind is what the objects are called that nobody writes
    /// `new` for; types as a report calls them.</summary>
    public static readonly (string Type, string Site, long Count, long Bytes, string Kind)[] Parts =
    [
        ("Minting.Coin", "Minting.Press.Strike", 8000, 48, ""),
        ("System.Int16", "Minting.Press.Stamp", 8000, 24, "boxing"),
        ("Minting.Press.(closure)", "Minting.Press.Weigh", 4000, 24, "closure"),
        ("Minting.Weigher", "Minting.Press.Weigh", 4000, 64, "closure"),
        ("System.String", "Minting.Press.Engrave", 1000, Sizes.String(100), ""),
        ("int[]", "Minting.Press.Sheet", 200, Sizes.Array(4, 250), ""),
        ("byte[]", "Minting.Press.Melt", 20, Sizes.Array(1, 20_000), ""),
        ("long[]", "Minting.Press.Anchor", 40, Sizes.Array(8, 1000), "pinned"),
        ("double[]", "Minting.Press.Cast", 2, Sizes.Array(8, 25_000), "large"),
        ("float[]", "Minting.Press.Moor", 1, Sizes.Array(4, 40_000), "large pinned"),
    ];

    public static readonly long RoundBytes = Parts.Sum(p => p.Count * p.Bytes);

    private static object? s_last;
    private static long s_sum;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Round()
    {
        Strike(8000);
        Stamp(8000);
        for (var i = 0; i < 4000; i++)
            Weigh(i);
        Engrave(1000);
        Sheet(200);
        Melt(20);
        Anchor(40);
        Cast(2);
        Moor(1);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Strike(int count)
    {
        for (var i = 0; i < count; i++)
            s_last = new Coin { Year = i }; // MARK strike
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Stamp(int count)
    {
        for (var i = 0; i < count; i++)
            s_last = (short)i; // MARK stamp
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Weigh(long metal)
    {
        Weigher weigher = () => metal; // MARK weigh
        s_last = weigher;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Engrave(int count)
    {
        for (var i = 0; i < count; i++)
            s_last = new string((char)('a' + i % 26), 100); // MARK engrave
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Sheet(int count)
    {
        for (var i = 0; i < count; i++)
            s_last = new int[250]; // MARK sheet
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Melt(int count)
    {
        for (var i = 0; i < count; i++)
            s_last = new byte[20_000]; // MARK melt
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Anchor(int count)
    {
        for (var i = 0; i < count; i++)
            s_sum += GC.AllocateArray<long>(1000, pinned: true).Length; // MARK anchor
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Cast(int count)
    {
        for (var i = 0; i < count; i++)
            s_last = new double[25_000]; // MARK cast
    }
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Moor(int count)
    {
        for (var i = 0; i < count; i++)
            s_sum += GC.AllocateUninitializedArray<float>(40_000, pinned: true).Length; // MARK moor
    }
}
