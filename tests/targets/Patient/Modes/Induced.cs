namespace Medic.Targets
{
    /// <summary>Calls GC.Collect every 40 ms over a live heap of 20 MB, from a method that a report can name.</summary>
    sealed class Induced(bool blocking) : Mode
    {
        private readonly Orders.Cache _cache = new(objects: 200_000);

        public override void Start() => Run("trimmer", () =>
        {
            for (; ; )
            {
                InducedOne(); // counted first: a reader of stats in the middle of a collection sees it
                if (blocking)
                    _cache.Trim();
                else
                    _cache.TrimInBackground();
                Done();
                Thread.Sleep(40);
            }
        });

        public override void WarmUp() => SpinWait.SpinUntil(() => Work >= 3, TimeSpan.FromSeconds(20));
    }
}

namespace Orders
{
    sealed class Cache(int objects)
    {
        private readonly byte[][] _lines = Enumerable.Range(0, objects).Select(_ => new byte[72]).ToArray();

        public int Count => _lines.Length;

        public void Trim() => GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);

        public void TrimInBackground() => GC.Collect(2, GCCollectionMode.Forced, blocking: false);
    }
}
