"""The words of the generated shop: departments, product types, brands, and which types go together.

One line of `_TYPES` is one product type:
category | type | usual price | variants | rhythm days | peak month | features | purpose.
`variants` names an entry of `VARIANTS`; a rhythm of 0 means nobody buys it by the calendar, a peak month of 0 that
it sells all year. Types are grouped by department, and small shops carry the first departments only.
"""

# ruff: noqa: E501  one type a line reads better than any wrapping

from __future__ import annotations

from dataclasses import dataclass

VARIANTS: dict[str, tuple[tuple[str, float], ...]] = {  # label, price factor
    "none": (("", 1.0),),
    "colour": (
        ("Black", 1.0), ("White", 1.0), ("Sage Green", 1.0), ("Navy Blue", 1.0), ("Terracotta", 1.0),
        ("Light Grey", 1.0), ("Mustard", 1.0), ("Cream", 1.0),
    ),
    "size": (("S", 1.0), ("M", 1.0), ("L", 1.0), ("XL", 1.05)),
    "shoe": (("Size 38", 1.0), ("Size 40", 1.0), ("Size 42", 1.0), ("Size 44", 1.0)),
    "weight": (("250 g", 1.0), ("500 g", 1.85), ("1 kg", 3.4)),
    "sack": (("2 kg", 1.0), ("5 kg", 2.2), ("12 kg", 4.6)),
    "volume": (("250 ml", 1.0), ("500 ml", 1.8), ("1 l", 3.2)),
    "pack": (("Pack of 2", 1.0), ("Pack of 4", 1.85), ("Pack of 8", 3.4)),
    "width": (("20 cm", 1.0), ("24 cm", 1.15), ("28 cm", 1.3)),
    "length": (("1 m", 1.0), ("2 m", 1.2), ("5 m", 1.6)),
}  # fmt: skip

_TYPES = {
    "Kitchen": """
Coffee | Espresso Machine | 180 | colour | 0 | 0 | Stainless Steel, Compact, Fifteen-Bar | for cafe quality at home
Coffee | Coffee Beans | 11 | weight | 21 | 0 | Dark Roast, Single Origin, Fair Trade, Decaffeinated | with notes of cocoa and toasted nuts
Coffee | Milk Frother | 32 | colour | 0 | 0 | Cordless, Silent, Induction | for silky foam in under a minute
Tea | Teapot | 29 | colour | 0 | 0 | Ceramic, Glass, Cast Iron | that keeps four cups warm
Tea | Loose Leaf Tea | 9 | weight | 35 | 0 | Earl Grey, Jasmine, Peppermint, Assam | picked by hand and packed within the week
Cookware | Frying Pan | 42 | width | 0 | 0 | Non-Stick, Cast Iron, Carbon Steel | for every hob, induction included
Cookware | Spatula | 8 | colour | 0 | 0 | Silicone, Beechwood, Slotted | that will not scratch the pan
Knives | Knife Block | 95 | none | 0 | 0 | Five-Piece, Walnut, Japanese Steel | for a tidy worktop
Knives | Knife Sharpener | 24 | none | 0 | 0 | Diamond, Two-Stage, Ceramic Rod | that brings back a keen edge
Baking | Cake Tin | 15 | width | 0 | 12 | Springform, Loose-Based, Fluted | for sponges and cheesecakes
Baking | Mixing Bowl | 18 | colour | 0 | 12 | Stoneware, Melamine, Glass | with a spout that pours cleanly
Baking | Measuring Spoons | 7 | colour | 0 | 0 | Magnetic, Copper-Plated, Engraved | for exact teaspoons""",
    "Garden": """
Barbecue | Charcoal Grill | 130 | colour | 0 | 6 | Kettle, Portable, Enamelled | for long evenings outside
Barbecue | Barbecue Charcoal | 9 | sack | 28 | 6 | Restaurant Grade, Coconut Shell, Oak | that lights in fifteen minutes
Barbecue | Grill Tongs | 12 | none | 0 | 6 | Long-Handled, Stainless Steel, Locking | that keep hands away from the heat
Growing | Raised Bed | 75 | none | 0 | 4 | Larch, Corten Steel, Modular | for vegetables at a comfortable height
Growing | Potting Compost | 10 | sack | 40 | 4 | Peat-Free, Organic, Seedling | rich in slow nutrients
Growing | Vegetable Seeds | 3 | pack | 0 | 3 | Heirloom, Organic, Quick-Growing | for a first harvest in eight weeks
Watering | Garden Hose | 35 | length | 0 | 6 | Kink-Free, Expandable, Reinforced | that lies flat
Watering | Spray Nozzle | 14 | colour | 0 | 6 | Brass, Eight-Pattern, Soft-Grip | from fine mist to strong jet
Patio | Parasol | 85 | colour | 0 | 7 | Tilting, Cantilever, Striped | for shade at noon
Patio | Parasol Base | 45 | none | 0 | 7 | Granite, Water-Filled, Wheeled | that stands firm in the wind
Tools | Pruning Shears | 26 | none | 0 | 3 | Bypass, Anvil, Left-Handed | for clean cuts through green wood
Tools | Gardening Gloves | 9 | size | 0 | 4 | Bamboo, Thorn-Proof, Leather | that breathe""",
    "Outdoor": """
Camping | Tunnel Tent | 210 | colour | 0 | 7 | Three-Person, Waterproof, Lightweight | that stands in ten minutes
Camping | Tent Pegs | 11 | pack | 0 | 7 | Aluminium, Titanium, Sand | for hard and soft ground
Camping | Sleeping Bag | 85 | size | 0 | 7 | Down, Three-Season, Mummy | warm to five below zero
Camping | Sleeping Mat | 48 | colour | 0 | 7 | Self-Inflating, Foam, Insulated | that rolls up small
Cooking | Camping Stove | 55 | none | 0 | 7 | Folding, Two-Burner, Windproof | that boils a litre in four minutes
Cooking | Gas Cartridge | 7 | pack | 30 | 7 | Screw-On, Winter Mix, Resealable | with butane and propane
Hiking | Hiking Boots | 140 | shoe | 0 | 9 | Waterproof, Leather, Mid-Cut | for stony paths
Hiking | Hiking Socks | 16 | size | 0 | 9 | Merino, Cushioned, Seamless | against blisters
Hiking | Trekking Poles | 60 | none | 0 | 9 | Carbon, Folding, Cork-Grip | that spare the knees
Hiking | Backpack | 95 | colour | 0 | 8 | Thirty-Litre, Ventilated, Roll-Top | with a rain cover
Lights | Headlamp | 35 | colour | 0 | 10 | Rechargeable, Red-Light, Ultralight | with eighty metres of beam
Lights | Lithium Batteries | 9 | pack | 60 | 10 | Cold-Proof, Long-Life, Leak-Proof | for lamps and receivers""",
    "Pets": """
Dogs | Dog Bed | 55 | colour | 0 | 0 | Orthopaedic, Washable, Bolster | for deep sleep
Dogs | Dog Food | 12 | sack | 28 | 0 | Grain-Free, Salmon, Puppy, Senior | with everything a dog needs
Dogs | Dog Lead | 18 | colour | 0 | 0 | Braided, Reflective, Hands-Free | for walks at dusk
Dogs | Dog Collar | 15 | size | 0 | 0 | Padded, Leather, Quick-Release | that sits softly
Dogs | Chew Toy | 9 | none | 0 | 0 | Rubber, Rope, Dental | that lasts
Cats | Scratching Post | 48 | colour | 0 | 0 | Sisal, Wall-Mounted, Tall | that saves the sofa
Cats | Cat Litter | 8 | sack | 18 | 0 | Clumping, Wood, Silica | that binds odours
Cats | Litter Tray | 26 | colour | 0 | 0 | Hooded, Corner, High-Sided | that is cleaned in a moment
Cats | Litter Scoop | 6 | colour | 0 | 0 | Deep, Metal, Fine-Mesh | with a long handle
Fish | Aquarium | 120 | none | 0 | 0 | Sixty-Litre, Nano, Curved-Glass | with quiet lighting
Fish | Filter Sponge | 7 | pack | 42 | 0 | Fine, Activated Carbon, Coarse | for clear water
Fish | Aquarium Plants | 12 | none | 0 | 0 | Live, Low-Light, Foreground | that shelter young fish""",
    "Beauty": """
Shaving | Safety Razor | 38 | colour | 0 | 12 | Butterfly, Long-Handled, Chrome | for a close shave
Shaving | Razor Blades | 9 | pack | 35 | 0 | Platinum, Five-Blade, Sensitive | that stay sharp
Shaving | Shaving Cream | 10 | volume | 60 | 0 | Sandalwood, Unscented, Menthol | that softens the beard
Skin | Face Serum | 29 | none | 45 | 0 | Vitamin C, Hyaluronic, Retinol | for an even glow
Skin | Face Cleanser | 14 | volume | 40 | 0 | Foaming, Oil, Micellar | that does not dry the skin
Skin | Sun Cream | 16 | volume | 0 | 7 | Factor Fifty, Mineral, Water-Resistant | for long days outdoors
Skin | After Sun Lotion | 11 | volume | 0 | 7 | Aloe Vera, Cooling, Shea | that calms the skin
Hair | Hair Dryer | 60 | colour | 0 | 0 | Ionic, Travel, Quiet | for quick and gentle drying
Hair | Round Brush | 15 | none | 0 | 0 | Boar Bristle, Ceramic, Vented | for volume
Hair | Shampoo | 9 | volume | 35 | 0 | Argan, Anti-Dandruff, Volume | for daily washing
Hair | Conditioner | 9 | volume | 35 | 0 | Argan, Leave-In, Repair | that untangles
Nails | Nail Polish | 8 | colour | 0 | 0 | Quick-Dry, Gel, Matt | that holds for a week""",
    "Office": """
Printing | Laser Printer | 160 | colour | 0 | 9 | Wireless, Duplex, Compact | for thirty pages a minute
Printing | Toner Cartridge | 48 | none | 50 | 0 | High-Yield, Black, Recycled | for crisp text
Printing | Printer Paper | 6 | pack | 30 | 0 | Recycled, Bright White, Heavy | that does not jam
Writing | Fountain Pen | 45 | colour | 0 | 9 | Fine-Nib, Brushed Steel, Resin | that glides
Writing | Ink Bottle | 12 | colour | 70 | 0 | Waterproof, Shimmering, Archival | that dries fast
Writing | Notebook | 13 | colour | 45 | 9 | Dotted, Hardcover, Ruled | with numbered pages
Desk | Standing Desk | 320 | colour | 0 | 1 | Electric, Oak, Corner | with three stored heights
Desk | Desk Lamp | 42 | colour | 0 | 11 | Dimmable, Clamp, Architect | that does not glare
Desk | Cable Tray | 19 | colour | 0 | 0 | Under-Desk, Mesh, Steel | for a clear floor
Computer | Mechanical Keyboard | 89 | colour | 0 | 0 | Tenkeyless, Wireless, Silent | with swappable switches
Computer | Wireless Mouse | 34 | colour | 0 | 0 | Ergonomic, Rechargeable, Silent | for long days
Computer | Mouse Pad | 12 | colour | 0 | 0 | Felt, Extended, Cork | that stays put""",
    "Baby": """
Sleep | Baby Cot | 190 | colour | 0 | 0 | Convertible, Beech, Bedside | that grows along
Sleep | Cot Mattress | 80 | none | 0 | 0 | Breathable, Coir, Foam | firm and safe
Sleep | Cot Sheet | 14 | colour | 0 | 0 | Organic Cotton, Jersey, Fitted | that stays in place
Sleep | Night Light | 22 | colour | 0 | 11 | Star, Rechargeable, Dimming | that fades by itself
Care | Nappies | 14 | pack | 14 | 0 | Newborn, Overnight, Unbleached | dry for twelve hours
Care | Baby Wipes | 4 | pack | 14 | 0 | Water, Fragrance-Free, Biodegradable | for delicate skin
Care | Changing Mat | 27 | colour | 0 | 0 | Wipe-Clean, Travel, Padded | with raised edges
Feeding | High Chair | 110 | colour | 0 | 0 | Folding, Wooden, Adjustable | from six months
Feeding | Baby Bib | 8 | colour | 0 | 0 | Silicone, Bandana, Long-Sleeved | that catches everything
Feeding | Bottle Steriliser | 55 | none | 0 | 0 | Steam, Microwave, Compact | for six bottles
Feeding | Baby Bottle | 12 | pack | 0 | 0 | Anti-Colic, Glass, Wide-Neck | with a soft teat
Travel | Baby Carrier | 98 | colour | 0 | 0 | Ergonomic, Ring Sling, Mesh | for small and tall parents""",
    "Workshop": """
Drilling | Cordless Drill | 120 | none | 0 | 0 | Brushless, Compact, Eighteen-Volt | with two batteries
Drilling | Drill Bits | 18 | pack | 0 | 0 | Cobalt, Masonry, Wood | in a sturdy case
Drilling | Wall Plugs | 5 | pack | 0 | 0 | Universal, Plasterboard, Heavy-Duty | for every wall
Painting | Wall Paint | 24 | volume | 0 | 4 | Matt, Washable, Low-Odour | that covers in one coat
Painting | Paint Roller | 11 | width | 0 | 4 | Microfibre, Lambswool, Foam | without drips
Painting | Masking Tape | 4 | pack | 0 | 4 | Sharp-Edge, Outdoor, Delicate | that leaves no trace
Sanding | Orbital Sander | 75 | none | 0 | 0 | Variable-Speed, Cordless, Dust-Free | for a smooth finish
Sanding | Sanding Discs | 9 | pack | 40 | 0 | Ceramic, Mesh, Mixed-Grit | that do not clog
Storage | Tool Box | 49 | colour | 0 | 12 | Stackable, Steel, Cantilever | with a lock
Safety | Safety Glasses | 10 | none | 0 | 0 | Anti-Fog, Wraparound, Clear | to wear all day
Safety | Work Gloves | 9 | size | 45 | 0 | Cut-Resistant, Grip, Winter | that fit closely
Safety | Dust Mask | 7 | pack | 40 | 0 | Valved, Folding, Reusable | against fine dust""",
    "Clothing": """
Rain | Rain Jacket | 95 | size | 0 | 10 | Packable, Recycled, Hooded | that keeps out the worst
Rain | Rain Trousers | 55 | size | 0 | 10 | Packable, Zipped, Breathable | that go over any shoe
Rain | Umbrella | 24 | colour | 0 | 10 | Folding, Storm-Proof, Automatic | that does not turn inside out
Winter | Wool Jumper | 78 | size | 0 | 12 | Lambswool, Cable-Knit, Roll-Neck | that does not itch
Winter | Wool Detergent | 9 | volume | 60 | 12 | Lanolin, Unscented, Lavender | that keeps its shape
Winter | Beanie | 19 | colour | 0 | 12 | Merino, Ribbed, Bobble | for cold ears
Winter | Scarf | 29 | colour | 0 | 12 | Cashmere, Checked, Oversized | long enough for two turns
Shoes | Leather Shoes | 120 | shoe | 0 | 9 | Derby, Chelsea, Oxford | resoleable for years
Shoes | Shoe Polish | 7 | colour | 0 | 0 | Beeswax, Wax, Cream | that feeds the leather
Shoes | Shoe Trees | 25 | shoe | 0 | 0 | Cedar, Beech, Adjustable | that draw out moisture
Summer | Linen Shirt | 59 | size | 0 | 6 | Collarless, Washed, Short-Sleeved | for hot days
Summer | Straw Hat | 35 | size | 0 | 7 | Panama, Wide-Brimmed, Foldable | that travels well""",
    "Music": """
Guitars | Acoustic Guitar | 230 | none | 0 | 12 | Spruce-Top, Three-Quarter, Dreadnought | with a warm voice
Guitars | Guitar Strings | 11 | pack | 40 | 0 | Phosphor Bronze, Coated, Nylon | that hold their tune
Guitars | Guitar Capo | 15 | colour | 0 | 0 | Spring, Screw, Twelve-String | for quick changes of key
Keys | Digital Piano | 520 | colour | 0 | 12 | Weighted, Portable, Slim | with eighty-eight keys
Keys | Piano Bench | 70 | colour | 0 | 12 | Adjustable, Folding, Padded | at the right height
Keys | Sustain Pedal | 29 | none | 0 | 0 | Half-Damper, Non-Slip, Universal | that feels like wood
Listening | Turntable | 190 | colour | 0 | 12 | Belt-Drive, Bluetooth, Walnut | for records old and new
Listening | Record Brush | 13 | none | 0 | 0 | Carbon Fibre, Velvet, Anti-Static | that lifts the dust
Listening | Record Sleeves | 9 | pack | 60 | 0 | Anti-Static, Rice Paper, Outer | that keep vinyl clean
Listening | Headphones | 110 | colour | 0 | 11 | Over-Ear, Noise-Cancelling, Wired | for hours of music
Stage | Microphone | 98 | none | 0 | 0 | Dynamic, Condenser, Podcast | for a clear voice
Stage | Microphone Stand | 39 | none | 0 | 0 | Boom, Desk, Round-Base | that does not wobble""",
}

COMPLEMENT_TYPES = """
Espresso Machine > Coffee Beans, Milk Frother; Teapot > Loose Leaf Tea; Frying Pan > Spatula; Knife Block > Knife Sharpener
Cake Tin > Measuring Spoons; Charcoal Grill > Barbecue Charcoal, Grill Tongs; Raised Bed > Potting Compost, Vegetable Seeds
Garden Hose > Spray Nozzle; Parasol > Parasol Base; Pruning Shears > Gardening Gloves; Tunnel Tent > Tent Pegs, Sleeping Mat
Camping Stove > Gas Cartridge; Hiking Boots > Hiking Socks; Headlamp > Lithium Batteries; Dog Lead > Dog Collar
Dog Bed > Chew Toy; Litter Tray > Cat Litter, Litter Scoop; Aquarium > Filter Sponge, Aquarium Plants
Safety Razor > Razor Blades, Shaving Cream; Face Serum > Face Cleanser; Sun Cream > After Sun Lotion; Hair Dryer > Round Brush
Shampoo > Conditioner; Laser Printer > Toner Cartridge, Printer Paper; Fountain Pen > Ink Bottle; Standing Desk > Cable Tray
Mechanical Keyboard > Wireless Mouse; Baby Cot > Cot Mattress, Cot Sheet; Nappies > Baby Wipes; High Chair > Baby Bib
Bottle Steriliser > Baby Bottle; Cordless Drill > Drill Bits, Wall Plugs; Wall Paint > Paint Roller, Masking Tape
Orbital Sander > Sanding Discs, Dust Mask; Rain Jacket > Rain Trousers; Wool Jumper > Wool Detergent; Beanie > Scarf
Leather Shoes > Shoe Polish, Shoe Trees; Acoustic Guitar > Guitar Strings, Guitar Capo; Digital Piano > Piano Bench, Sustain Pedal
Turntable > Record Brush, Record Sleeves; Microphone > Microphone Stand
"""

CHAIN_TYPES = """
Mixing Bowl > Knife Block > Frying Pan; Milk Frother > Cake Tin > Teapot; Raised Bed > Pruning Shears > Garden Hose
Parasol > Charcoal Grill > Spray Nozzle; Backpack > Tunnel Tent > Camping Stove; Hiking Boots > Trekking Poles > Headlamp
Dog Collar > Dog Bed > Chew Toy; Scratching Post > Litter Tray > Cat Litter; Face Cleanser > Hair Dryer > Nail Polish
Standing Desk > Desk Lamp > Notebook; Laser Printer > Mechanical Keyboard > Mouse Pad; Baby Cot > Baby Carrier > High Chair
Nappies > Changing Mat > Baby Bib; Tool Box > Cordless Drill > Orbital Sander; Wall Paint > Safety Glasses > Work Gloves
Umbrella > Rain Jacket > Leather Shoes; Linen Shirt > Straw Hat > Umbrella; Acoustic Guitar > Microphone > Headphones
Turntable > Headphones > Digital Piano
"""

BUNDLE_TYPES = """
Mixing Bowl, Cake Tin, Spatula; Teapot, Milk Frother, Knife Sharpener; Gardening Gloves, Potting Compost, Spray Nozzle
Parasol Base, Grill Tongs, Vegetable Seeds; Sleeping Bag, Headlamp, Backpack; Trekking Poles, Hiking Socks, Gas Cartridge
Dog Food, Chew Toy, Dog Collar; Aquarium Plants, Filter Sponge, Litter Scoop; Shampoo, Round Brush, Nail Polish
Razor Blades, Face Cleanser, Conditioner; Notebook, Ink Bottle, Desk Lamp; Mouse Pad, Wireless Mouse, Cable Tray
Night Light, Cot Sheet, Changing Mat; Baby Wipes, Baby Bottle, Baby Bib; Masking Tape, Wall Plugs, Work Gloves, Tool Box
Safety Glasses, Dust Mask, Drill Bits; Beanie, Umbrella, Shoe Polish; Linen Shirt, Straw Hat, Shoe Trees
Headphones, Record Sleeves, Guitar Strings; Guitar Capo, Sustain Pedal, Microphone Stand
"""

BRANDS = {
    "Kitchen": "Alder & Finch, Brevo, Castello, Norrland, Tavola, Hearthside, Oakmere, Mizuno Kama",
    "Garden": "Greenlea, Hollyfield, Terrafirma, Bramble & Co, Sunnyside, Orchard Hill, Wildwood, Potterton",
    "Outdoor": "Fjordheim, Summit Nine, Kestrel, Larkspur, Granite Peak, Trailhead, Nordwind, Alpenrose",
    "Pets": "Barkley, Whisker Lane, Happy Paws, Tilda, Fennimore, Good Boy, Velvet Paw, Aquaria",
    "Beauty": "Lumea, Petal & Stone, Sorrel, Maison Clair, Dr. Hahn, Seafoam, Ambrine, Bare Thread",
    "Office": "Papermill, Inkwell, Stellan, Deskworks, Quill & Sons, Metrica, Halden, Blankpage",
    "Baby": "Little Acorn, Moonbeam, Tiny Otter, Pip & Plum, Lulla, Nestling, Sweet Pea, Kinderhaus",
    "Workshop": "Ironbark, Toolsmith, Hartmann, Brightwood, Makerline, Steadfast, Axel & Roth, Workmate Pro",
    "Clothing": "Harrow & Lane, Woolcraft, Drizzle, Tidewater, Northbay, Linden Row, Cobble, Saltmarsh",
    "Music": "Cadenza, Silverstring, Resonant, Old Mill Audio, Tremolo, Belfry, Woodtone, Clef & Co",
}

SERIES = (
    "Aurora", "Birch", "Compass", "Dune", "Ember", "Fable", "Grove", "Harbour", "Iris", "Juniper", "Kite", "Lumen",
    "Meadow", "Nimbus", "Opal", "Prairie", "Quartz", "Raven", "Solstice", "Thistle", "Umbra", "Vale", "Willow", "Zephyr",
    "Atlas", "Bloom", "Cinder", "Drift", "Echo", "Fern", "Glen", "Haven",
)  # fmt: skip

CARE = (
    "Backed by a two-year guarantee.",
    "Arrives in recyclable packaging.",
    "Tested by our own team for three months.",
    "Made in small batches by a family firm.",
    "Returned by almost nobody.",
    "A favourite of our customers for years.",
)
REGIONS = ("North", "South", "East", "West", "Midlands", "Highlands", "Coast", "Capital")
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")


@dataclass(frozen=True)
class ProductType:
    """What all products of one type share."""

    department: str
    category: str
    name: str
    price: float
    variants: str
    rhythm_days: int
    peak_month: int
    features: tuple[str, ...]
    purpose: str


def product_types() -> tuple[ProductType, ...]:
    """Every product type, grouped by department in the order of `_TYPES`."""
    found = []
    for department, lines in _TYPES.items():
        for line in lines.strip().splitlines():
            category, name, price, variants, rhythm, month, features, purpose = map(str.strip, line.split("|"))
            numbers = float(price), variants, int(rhythm), int(month)
            found.append(ProductType(department, category, name, *numbers, tuple(features.split(", ")), purpose))
    return tuple(found)


def departments() -> tuple[str, ...]:
    """The departments, most general first."""
    return tuple(_TYPES)


def linked_types(text: str, separator: str) -> list[tuple[str, ...]]:
    """The tuples of type names in one of the `…_TYPES` texts, e.g. `("Teapot", "Loose Leaf Tea")`."""
    entries = [entry for line in text.strip().splitlines() for entry in line.split(";")]
    return [tuple(name.strip() for name in entry.split(separator)) for entry in entries]


def complement_types() -> list[tuple[str, str]]:
    """Pairs (A, B) of type names: B is bought to go with A."""
    return [
        (left, right.strip()) for left, rights in linked_types(COMPLEMENT_TYPES, ">") for right in rights.split(",")
    ]


def price_factors(kind: ProductType) -> list[float]:
    """Price factors of a type's variants, padded to the longest list of variants."""
    factors = [factor for _, factor in VARIANTS[kind.variants]]
    return factors + [1.0] * (max(map(len, VARIANTS.values())) - len(factors))


def series_name(rank: int, offset: int) -> str:
    """The model line of a type's `rank`-th family: unique within the type."""
    name = SERIES[(rank + offset) % len(SERIES)]
    return name if rank < len(SERIES) else f"{name} {rank // len(SERIES) + 1}"
